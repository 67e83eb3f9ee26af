"""The stream of a session's recommendations."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from hybrid_recs.online.http import event_schemas, schemas
from hybrid_recs.online.http.routes.common import INVALID, ItemId, Responses
from hybrid_recs.online.http.sse import CONTENT_TYPE, EventStream
from hybrid_recs.online.http.state import State

STREAM = "/sessions/{session_id}/recommendations/stream"
_STREAM: Responses = {
    200: {
        "description": "Server-sent events. The data of a message is JSON as in the example; its id is the "
        "stream id of the newest event that was used.",
        "content": {
            CONTENT_TYPE: {"schema": {"type": "string"}, "example": event_schemas.EXAMPLE_STREAM},
        },
    },
    503: {"model": schemas.ErrorBody, "description": "No generation yet, or too many open streams."},
}

router = APIRouter()


@router.get(
    STREAM,
    summary="Stream a session's recommendations as they change",
    description="Sends the current recommendations, then new ones after every event of the session that a "
    "consumer has applied. A slow client gets the newest message, not every one. Comments keep the "
    "connection open.",
    response_class=Response,
    responses={**INVALID, **_STREAM},
)
async def stream(state: State, session_id: Annotated[ItemId, Path(examples=["s-81"])]) -> Response:
    state.require_generation()
    return EventStream(state.streams, session_id, state.heartbeat_seconds)
