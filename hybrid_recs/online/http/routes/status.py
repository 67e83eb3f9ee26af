"""The current state of the service, in one response."""

from fastapi import APIRouter, Response

from hybrid_recs.online.http import responses
from hybrid_recs.online.http.health_schemas import dependencies_of
from hybrid_recs.online.http.state import State
from hybrid_recs.online.http.status_schemas import EventStatus, GenerationStatus, IndexFigures, Status
from hybrid_recs.online.serving.snapshot import Snapshot
from hybrid_recs.telemetry.consumer_lag import ConsumerLag

router = APIRouter()


@router.get("/status", summary="The current state of the service", response_model=Status)
async def status(state: State) -> Response:
    lag = await state.consumer_lag.read()  # first: it tells whether Redis answers
    total, health = state.maintenance.shared_counters().total(), state.maintenance.health
    snapshot = state.items.snapshot
    content = Status(
        generation=_generation(snapshot) if snapshot else None,
        cache_available=health.cache_available,
        health=health.state,
        dependencies=dependencies_of(health),
        workers=total.workers,
        served={source: count for source, count in total.sources.items() if count},
        events=_events(lag) if lag else None,
    )
    return responses.json_response(content.model_dump(mode="json"), headers={"Cache-Control": "no-store"})


def _generation(snapshot: Snapshot) -> GenerationStatus:
    manifest, overlay = snapshot.generation.manifest, snapshot.overlay
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
