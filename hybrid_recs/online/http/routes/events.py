"""Events in."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from hybrid_recs.events.event import MAX_EVENTS
from hybrid_recs.online.http import event_schemas, responses, schemas
from hybrid_recs.online.http.routes.common import GUARDED, Responses
from hybrid_recs.online.http.state import State
from hybrid_recs.online.serving.rendered_answer import JSON

_UNAVAILABLE: Responses = {
    503: {
        "model": schemas.ErrorBody,
        "description": "Redis did not confirm the batch, or too many events wait to be consumed. Nothing is "
        "known to be accepted: send the same events again after Retry-After; each counts once.",
    }
}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {JSON: {"schema": event_schemas.BATCH, "examples": event_schemas.EXAMPLE_BATCHES}},
}

router = APIRouter()


@router.post(
    "/events",
    summary="What visitors do",
    description="One event, a list, or an object with a list `events`; at most 1,000. Each is checked by "
    "itself: the answer says how many were accepted, how many had been accepted before (by `event_id`, "
    "within a day at least), and why others were not. What is accepted is seen by the next read of its "
    "session, and applied by `make consume-events`.",
    response_class=Response,
    openapi_extra={"requestBody": _BODY},
    responses={
        200: {"model": event_schemas.EventsReceipt, "description": "None of them was new."},
        202: {
            "model": event_schemas.EventsReceipt,
            "description": "At least one was accepted.",
            "content": {JSON: {"example": event_schemas.EXAMPLE_RECEIPT}},
        },
        422: {"model": schemas.ErrorBody, "description": "Not JSON, or not one of the three shapes."},
        **_UNAVAILABLE,
        **GUARDED,
    },
)
async def events(state: State, request: Request) -> Response:
    batch = _batch(await request.body())
    if isinstance(batch, Response):
        return batch
    receipt = await state.intake.take(batch)
    return responses.json_response(receipt, 202 if receipt.accepted else 200)


def _batch(body: bytes) -> list[Any] | Response:
    """The events of a body, or what is wrong with it."""
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return responses.error_response(422, "invalid_body", f"not JSON: {error}")
    if isinstance(raw, dict) and "events" in raw:
        if raw.keys() != {"events"} or not isinstance(raw["events"], list):
            return responses.error_response(
                422, "invalid_body", "events: must be a list, alone in its object"
            )
        raw = raw["events"]
    if isinstance(raw, dict):
        return [raw]
    if not isinstance(raw, list):
        return responses.error_response(422, "invalid_body", "give an event, a list, or {events: [...]}")
    if len(raw) > MAX_EVENTS:
        message = f"{len(raw):,} events; send at most {MAX_EVENTS:,} at once"
        return responses.error_response(422, "too_many_events", message)
    return raw
