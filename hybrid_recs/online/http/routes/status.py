"""The service as it is now, in one answer."""

from fastapi import FastAPI, Response

from hybrid_recs.online.http import responses
from hybrid_recs.online.http.routes.operations import LagOf
from hybrid_recs.online.http.status_schemas import EventStatus, GenerationStatus, IndexFigures, Status
from hybrid_recs.online.serving.service import Service
from hybrid_recs.online.serving.snapshot import Snapshot
from hybrid_recs.telemetry.consumer_lag import ConsumerLag


def add(app: FastAPI, service: Service, lag_of: LagOf) -> None:
    """Add the route; `lag_of` says how late events are."""

    @app.get("/status", summary="The service as it is now", response_model=Status)
    async def status() -> Response:
        service.share_counters()
        lag = await lag_of()
        total = service.counters.total()
        told = Status(
            generation=_generation(service.serving) if service.generation else None,
            cache_available=service.cache_available and lag is not None,
            workers=total.workers,
            served={source: count for source, count in total.sources.items() if count},
            events=_events(lag) if lag else None,
        )
        return responses.json_response(told.model_dump(mode="json"), headers={"Cache-Control": "no-store"})


def _generation(serving: Snapshot) -> GenerationStatus:
    manifest, overlay = serving.generation.manifest, serving.overlay
    figures = manifest.index.search
    return GenerationStatus(
        id=manifest.id,
        created=manifest.created,
        dataset=manifest.dataset.name,
        items=manifest.items,
        with_vector=manifest.vectors,
        hot_items=manifest.hot_items,
        hidden_items=len(overlay.hidden),
        new_items=len(overlay.new),
        index=IndexFigures(
            kind=manifest.index.kind, recall=figures[0].recall, milliseconds=figures[0].milliseconds
        )
        if figures
        else None,
        quality=manifest.quality,
    )


def _events(lag: ConsumerLag) -> EventStatus:
    return EventStatus(
        accepted=lag.accepted,
        applied=lag.applied,
        set_aside=lag.set_aside,
        waiting=lag.waiting,
        oldest_seconds=lag.oldest_seconds,
    )
