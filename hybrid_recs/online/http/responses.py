"""HTTP responses of the service: JSON bytes, headers, and the one form of errors."""

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

# The only table of errors, statuses and codes.
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
    """`content` as JSON; dataclasses become objects."""
    return Response(orjson.dumps(content), status, headers, JSON)


def recommendations(answer: RenderedAnswer) -> Response:
    """An answer with the same headers as on the fast path."""
    response = Response(answer.body)
    response.raw_headers = answer.raw_headers()
    return response


def many_recommendations(results: Sequence[RenderedAnswer | HybridRecsError]) -> Response:
    """Several answers in one response, with errors in place of those that failed."""
    bodies = (
        result.body if isinstance(result, RenderedAnswer) else orjson.dumps({"error": _problem(result)[1]})
        for result in results
    )
    return Response(b'{"answers":[%b]}' % b",".join(bodies), media_type=JSON)


def error_response(status: int, code: str, message: str, parameter: str | None = None) -> Response:
    """An error response; Retry-After where trying again may help."""
    return _error(status, {"code": code, "message": message, "parameter": parameter})


def _error(status: int, problem: Json) -> Response:
    headers = {"Retry-After": "1"} if status == 503 else None
    return json_response({"error": problem}, status, headers)


async def on_product_error(_: Request, error: Exception) -> Response:
    """The response to an error of this package, by the table."""
    status, problem = _problem(error)
    return _error(status, problem)


def _problem(error: Exception) -> tuple[int, Json]:
    status, code = next(
        (entry for type_, entry in _STATUS.items() if isinstance(error, type_)), (500, "internal_error")
    )
    parameter = next((name for type_, name in _PARAMETER.items() if isinstance(error, type_)), None)
    return status, {"code": code, "message": str(error), "parameter": parameter}


async def on_bad_parameter(_: Request, error: Exception) -> Response:
    """The response to the first of FastAPI's validation errors."""
    assert isinstance(error, RequestValidationError)
    problem = error.errors()[0]
    path = [str(part) for part in problem["loc"] if not isinstance(part, int)]
    name = path[-1] if path else "request"
    return error_response(422, "invalid_parameter", f"{name}: {problem['msg']}", name)


async def on_http_error(_: Request, error: Exception) -> Response:
    """The response to routing errors, such as an unknown path or a wrong method."""
    assert isinstance(error, HTTPException)
    response = error_response(error.status_code, _CODES.get(error.status_code, "error"), str(error.detail))
    response.headers.update(error.headers or {})
    return response
