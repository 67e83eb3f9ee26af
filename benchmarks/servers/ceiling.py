"""The maximum throughput of a uvicorn worker: no routing, no parsing, one prepared response for every path.

The response is one of the service's own, headers included, so that the same bytes are sent.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Asgi = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


def create_app(response: Path) -> Asgi:
    """response: a JSON file with `headers` (a list of pairs) and `body`."""
    content = json.loads(response.read_text())
    headers = [(name.lower().encode(), value.encode()) for name, value in content["headers"]]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    body = {"type": "http.response.body", "body": content["body"].encode()}

    async def app(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        else:
            await send(dict(start))
            await send(dict(body))

    return app


async def _lifespan(
    receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
