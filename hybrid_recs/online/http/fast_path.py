"""Answers the common request before the framework's routing, validation and serialisation.

`GET /recommendations` with one item id and at most one k is parsed here and answered by the same service
and the same rendering as the route in `api.py`, which describes it. Everything else (other parameters,
repeated or malformed ones, other methods and paths, a service without a generation) goes to the route as
it came, so errors are written in one place. Which way a request took cannot be told from its answer.
"""

from functools import lru_cache
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from hybrid_recs.online.http.request_ids import CARRIED, traced
from hybrid_recs.online.serving.item_query_service import ItemQueryService
from hybrid_recs.online.serving.limits import DEFAULT_K, MAX_K, RECOMMENDATIONS
from hybrid_recs.types import MAX_ID_LENGTH

_K = {b"%d" % k: k for k in range(1, MAX_K + 1)}
# What popular items are asked by comes again and again: about 2 MB.
_MAX_PARSED_QUERIES = 8_192
_MAX_QUERY_LENGTH = 128


def parse(query: bytes) -> tuple[str, int] | None:
    """Item id and k of a query string of the common shape, None for any other.

    Decodes as the route does: Latin-1, then plus signs and percent escapes, which hold UTF-8.
    """
    if query.startswith(b"k="):
        digits, _, item = query[2:].partition(b"&")
        k = _K.get(digits)
    else:
        item, given, digits = query.partition(b"&k=")
        k = _K.get(digits) if given else DEFAULT_K
    encoded = item[8:]
    if k is None or not encoded or b"&" in encoded or item[:8] != b"item_id=":
        return None
    item_id = encoded.decode("latin-1")
    if "%" in item_id or "+" in item_id:
        item_id = unquote(item_id.replace("+", " "))
    return (item_id, k) if len(item_id) <= MAX_ID_LENGTH else None


_parsed_before = lru_cache(_MAX_PARSED_QUERIES)(parse)


class FastPath:
    """The ASGI application around the full one."""

    def __init__(self, app: ASGIApp, service: ItemQueryService, name_every_request: bool = False) -> None:
        self._app = app
        self._service = service
        self._name_every_request = name_every_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer here if the request is of the common shape, else hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Here and not in a layer around this one, which would cost every request a call.
        for name, _ in scope["headers"]:
            if name in CARRIED:
                send = traced(scope, send)
                break
        else:
            if self._name_every_request:
                send = traced(scope, send)
        if scope["path"] == RECOMMENDATIONS and scope["method"] == "GET":
            query = scope["query_string"]
            asked = _parsed_before(query) if len(query) <= _MAX_QUERY_LENGTH else parse(query)
            if asked is not None:
                service = self._service
                answer = service.local_answer(*asked)
                if answer is None and service.generation is not None:
                    answer = await service.recommend(*asked)
                if answer is not None:
                    headers = answer.raw_headers()
                    await send({"type": "http.response.start", "status": 200, "headers": headers})
                    await send({"type": "http.response.body", "body": answer.body})
                    return
        await self._app(scope, receive, send)
