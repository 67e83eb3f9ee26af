"""Health, metrics and reports."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.errors import RedisServerError
from hybrid_recs.online.http import responses, schemas
from hybrid_recs.online.http.routes.common import INVALID, NOT_READY, example, loaded
from hybrid_recs.online.serving.service import Service
from hybrid_recs.telemetry import prometheus
from hybrid_recs.telemetry.consumer_lag import ConsumerLag
from hybrid_recs.telemetry.hit_rates import HitRateReport
from hybrid_recs.telemetry.window import WINDOW_PATTERN, parse_window

LagOf = Callable[[], Awaitable[ConsumerLag | None]]
ReportOf = Callable[[int, Callable[[str], str | None]], HitRateReport]


def add(app: FastAPI, service: Service, report_of: ReportOf, lag_of: LagOf) -> None:
    """Add the routes; `report_of` reads the hit-rate report (blocking), `lag_of` how late events are."""

    @app.get("/healthz", summary="Is the process alive", response_model=schemas.Health)
    async def healthz() -> Response:
        return responses.json_response({"status": "ok"})

    @app.get("/readyz", summary="Can it answer", response_model=schemas.Readiness, responses={**NOT_READY})
    async def readyz() -> Response:
        generation = loaded(service)
        cache = "available" if service.cache_available else "unavailable"
        return responses.json_response({"status": "ready", "generation": generation.id, "cache": cache})

    @app.get("/metrics", summary="Prometheus metrics", response_class=Response, responses={200: _TEXT})
    async def metrics() -> Response:
        service.share_counters()
        text = prometheus.exposition(service.counters, service.generation, await lag_of())
        return Response(text, media_type=prometheus.CONTENT_TYPE)

    @app.get(
        "/reports/cache-hit-rate",
        summary="Where answers came from",
        response_class=Response,
        responses={**example("The report.", HitRateReport), **INVALID, **NOT_READY},
    )
    async def cache_hit_rate(seconds: Annotated[int, Depends(_window)]) -> Response:
        try:
            report = await asyncio.to_thread(report_of, seconds, _titles(service))
        except UNREACHABLE as error:
            raise RedisServerError(f"the counters cannot be read: {error}") from error
        return responses.json_response(report)


_TEXT = {"description": "Prometheus text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}


def _window(
    request: Request,
    window: Annotated[
        str,
        Query(
            description="such as 30m, 24h or 7d; at most 8d", json_schema_extra={"pattern": WINDOW_PATTERN}
        ),
    ] = "24h",
) -> int:
    try:
        return parse_window(window)
    except ValueError as error:
        problem = {"type": "value_error", "loc": ("query", "window"), "msg": str(error), "input": window}
        raise RequestValidationError([problem], body=str(request.url)) from error


def _titles(service: Service) -> Callable[[str], str | None]:
    generation = service.generation

    def title(item_id: str) -> str | None:
        row = generation.catalogue.row(item_id) if generation else None
        return generation.catalogue.title(row) if generation and row is not None else None

    return title
