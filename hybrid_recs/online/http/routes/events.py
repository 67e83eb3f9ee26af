"""Receives events."""

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
        "description": "Redis did not confirm the batch, or too many events are waiting for a consumer. No "
        "event is known to be accepted: send the same events again after Retry-After; each counts once.",
    }
}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {JSON: {"schema": event_schemas.BATCH, "examples": event_schemas.EXAMPLE_BATCHES}},
}

router = APIRouter()


@router.post(
    "/events",
    summary="Send visitors' events",
    description="One event, a list, or an object with a list `events`; at most 1,000 events. Each is "
    "checked on its own: the response says how many were accepted, how many had been accepted before (with "
    "the same `event_id`, within at least a day), and why others were rejected. The next recommendations "
    "for the session use accepted events; `make consume-events` applies them.",
    response_class=Response,
    openapi_extra={"requestBody": _BODY},
    responses={
        200: {"model": event_schemas.EventsReceipt, "description": "No event was new."},
        202: {
            "model": event_schemas.EventsReceipt,
            "description": "At least one event was accepted.",
            "content": {JSON: {"example": event_schemas.EXAMPLE_RECEIPT}},
        },
        422: {"model": schemas.ErrorBody, "description": "Not JSON, or not one of the three forms."},
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
    """The events of a body, or the response that says what is wrong with it."""
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return responses.error_response(422, "invalid_body", f"not JSON: {error}")
    if isinstance(raw, dict) and "events" in raw:
        if raw.keys() != {"events"} or not isinstance(raw["events"], list):
            return responses.error_response(
                422, "invalid_body", "events: must be a list, and the only field of its object"
            )
        raw = raw["events"]
    if isinstance(raw, dict):
        return [raw]
    if not isinstance(raw, list):
        return responses.error_response(
            422, "invalid_body", "must be an event, a list of events, or {events: [...]}"
        )
    if len(raw) > MAX_EVENTS:
        message = f"{len(raw):,} events; send at most {MAX_EVENTS:,} at once"
        return responses.error_response(422, "too_many_events", message)
    return raw
