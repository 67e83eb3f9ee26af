"""The response of a session stream: server-sent events until one side ends it."""

import asyncio
import contextlib

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hybrid_recs.online.http.responses import error_response
from hybrid_recs.online.visitors.session_streams import SessionStreams

CONTENT_TYPE = "text/event-stream"
_HEADERS = [
    (b"content-type", CONTENT_TYPE.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # or nginx would buffer events
]
_RECONNECT = b"retry: 1000\n\n"


class EventStream(Response):
    """Sends messages until the client disconnects or the service stops."""

    media_type = CONTENT_TYPE

    def __init__(self, streams: SessionStreams, session_id: str, heartbeat_seconds: float) -> None:
        super().__init__()
        self._streams = streams
        self._session_id = session_id
        self._heartbeat_seconds = heartbeat_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream, or a 503 when too many are open."""
        if self._streams.full:
            refusal = error_response(503, "too_many_streams", "too many open streams; try again, or poll")
            await refusal(scope, receive, send)
            return
        sending = asyncio.create_task(self._send_all(send))
        disconnect = asyncio.create_task(_wait_for_disconnect(receive))
        try:
            await asyncio.wait({sending, disconnect}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            disconnect.cancel()
            if not sending.done():
                sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await sending

    async def _send_all(self, send: Send) -> None:
        with self._streams.opened(self._session_id) as stream:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": _RECONNECT, "more_body": True})
            await self._streams.begin(stream)
            async for chunk in stream.chunks(self._heartbeat_seconds):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
