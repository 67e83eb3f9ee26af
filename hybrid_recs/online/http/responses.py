"""Turns what the service gives into HTTP responses: JSON bytes, headers, and the one shape of errors."""

from collections.abc import Mapping, Sequence

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from hybrid_recs.errors import (
    BacklogError,
    BadVectorError,
    EventsUnavailableError,
    HybridRecsError,
    ItemChangesError,
    NoGenerationError,
    RedisServerError,
    TooManyNewItemsError,
    UnknownItemError,
)
from hybrid_recs.online.serving.rendered_answer import JSON, RenderedAnswer
from hybrid_recs.types import Json

# Error → status and code; the only such table.
_STATUS: dict[type[HybridRecsError], tuple[int, str]] = {
    UnknownItemError: (404, "unknown_item"),
    BadVectorError: (422, "invalid_parameter"),
    NoGenerationError: (503, "not_ready"),
    RedisServerError: (503, "cache_unavailable"),
    BacklogError: (503, "events_backlog"),
    EventsUnavailableError: (503, "events_unavailable"),
    ItemChangesError: (503, "item_changes_unavailable"),
    TooManyNewItemsError: (422, "too_many_new_items"),
}
_PARAMETER: dict[type[HybridRecsError], str] = {UnknownItemError: "item_id", BadVectorError: "vector"}
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`content` as JSON; dataclasses are written as objects."""
    return Response(orjson.dumps(content), status, headers, JSON)


def recommendations(served: RenderedAnswer) -> Response:
    """An answer, with the same headers as by the fast lane."""
    response = Response(served.body)
    response.raw_headers = served.raw_headers()
    return response


def many_recommendations(served: Sequence[RenderedAnswer | HybridRecsError]) -> Response:
    """Many answers in one; one that could not be given is its error."""
    parts = (
        one.body if isinstance(one, RenderedAnswer) else orjson.dumps({"error": _problem(one)[1]})
        for one in served
    )
    return Response(b'{"answers":[%b]}' % b",".join(parts), media_type=JSON)


def error_response(status: int, code: str, message: str, parameter: str | None = None) -> Response:
    """The uniform error."""
    return _uniform(status, {"code": code, "message": message, "parameter": parameter})


def _uniform(status: int, problem: Json) -> Response:
    headers = {"Retry-After": "1"} if status == 503 else None
    return json_response({"error": problem}, status, headers)


async def on_product_error(_: Request, error: Exception) -> Response:
    """An error of ours, by the table."""
    status, problem = _problem(error)
    return _uniform(status, problem)


def _problem(error: Exception) -> tuple[int, Json]:
    status, code = next(
        (entry for kind, entry in _STATUS.items() if isinstance(error, kind)), (500, "internal_error")
    )
    parameter = next((name for kind, name in _PARAMETER.items() if isinstance(error, kind)), None)
    return status, {"code": code, "message": str(error), "parameter": parameter}


async def on_bad_parameter(_: Request, error: Exception) -> Response:
    """FastAPI's validation errors, the first one named."""
    assert isinstance(error, RequestValidationError)
    problem = error.errors()[0]
    path = [str(part) for part in problem["loc"] if not isinstance(part, int)]
    name = path[-1] if path else "request"
    return error_response(422, "invalid_parameter", f"{name}: {problem['msg']}", name)


async def on_http_error(_: Request, error: Exception) -> Response:
    """Routing errors: no such path, wrong method."""
    assert isinstance(error, HTTPException)
    response = error_response(error.status_code, _CODES.get(error.status_code, "error"), str(error.detail))
    response.headers.update(error.headers or {})
    return response
