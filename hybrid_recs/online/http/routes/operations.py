"""Health, metrics and reports."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.redis_problems import describe
from hybrid_recs.errors import RedisServerError
from hybrid_recs.online.http import health_schemas, responses, schemas
from hybrid_recs.online.http.routes.common import INVALID, NOT_READY, example
from hybrid_recs.online.http.state import State
from hybrid_recs.telemetry import prometheus
from hybrid_recs.telemetry.hit_rates import HitRateReport
from hybrid_recs.telemetry.window import WINDOW_PATTERN, parse_window

router = APIRouter()
_METRICS = {
    "description": "Prometheus text format.",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


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


@router.get("/healthz", summary="Whether the process is alive", response_model=schemas.Health)
async def healthz() -> Response:
    return responses.json_response({"status": "ok"})


@router.get(
    "/readyz",
    summary="Whether a generation is loaded",
    response_model=health_schemas.Readiness,
    responses={**NOT_READY},
)
async def readyz(state: State) -> Response:
    generation, health = state.require_generation(), state.maintenance.health
    content = health_schemas.Readiness(
        status="ready",
        generation=generation.id,
        cache="available" if health.cache_available else "unavailable",
        health=health.state,
        dependencies=health_schemas.dependencies_of(health),
    )
    return responses.json_response(content.model_dump(mode="json"))


@router.get("/metrics", summary="Prometheus metrics", response_class=Response, responses={200: _METRICS})
async def metrics(state: State) -> Response:
    lag = await state.consumer_lag.read()  # first: it tells whether Redis answers
    text = prometheus.exposition(state.maintenance.shared_counters(), state.items.generation, lag)
    return Response(text, media_type=prometheus.CONTENT_TYPE)


@router.get(
    "/reports/cache-hit-rate",
    summary="Cache hit rate, sources and latencies",
    response_class=Response,
    responses={**example("The report.", HitRateReport), **INVALID, **NOT_READY},
)
async def cache_hit_rate(state: State, seconds: Annotated[int, Depends(_window)]) -> Response:
    try:
        report = await asyncio.to_thread(state.hit_rates.report, seconds, state.items.generation)
    except UNREACHABLE as error:
        raise RedisServerError(f"the counters cannot be read: {describe(error).text}") from error
    return responses.json_response(report)
