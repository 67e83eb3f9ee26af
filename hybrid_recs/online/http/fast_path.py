"""Fast path: answers the most common request before the framework's routing, validation and serialisation.

`GET /recommendations` with one item id and at most one k is parsed here and answered by the same service and
renderer as the route, which describes it. All other requests (other parameters, repeated or malformed ones,
other methods and paths, no generation yet) are passed on unchanged, so errors are written in one place. The
answer does not show which way a request took (tests/online/http/test_fast_path.py). Measured for a request
that the response cache answers: 12 µs here, 140 µs by the route.
"""

from functools import lru_cache
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from hybrid_recs.online.http.request_ids import CARRIED, traced
from hybrid_recs.online.serving.item_query_service import ItemQueryService
from hybrid_recs.online.serving.limits import DEFAULT_K, MAX_K, RECOMMENDATIONS
from hybrid_recs.types import MAX_ID_LENGTH

_K = {b"%d" % k: k for k in range(1, MAX_K + 1)}
# The queries of popular items are repeated all the time. About 2 MB.
_MAX_PARSED_QUERIES = 8_192
_MAX_QUERY_LENGTH = 128


def parse(query: bytes) -> tuple[str, int] | None:
    """Item id and k of a query string of the common form, None for any other.

    Decodes as the route does: Latin-1, then plus signs and percent escapes, which are UTF-8.
    """
    if query.startswith(b"k="):
        digits, _, item = query[2:].partition(b"&")
        k = _K.get(digits)
    else:
        item, separator, digits = query.partition(b"&k=")
        k = _K.get(digits) if separator else DEFAULT_K
    encoded = item[8:]
    if k is None or not encoded or b"&" in encoded or item[:8] != b"item_id=":
        return None
    item_id = encoded.decode("latin-1")
    if "%" in item_id or "+" in item_id:
        item_id = unquote(item_id.replace("+", " "))
    return (item_id, k) if len(item_id) <= MAX_ID_LENGTH else None


_parse_cached = lru_cache(_MAX_PARSED_QUERIES)(parse)


class FastPath:
    """An ASGI application around `app`, which takes the other requests.

    name_every_request: give an id to requests that bring none.
    """

    def __init__(self, app: ASGIApp, service: ItemQueryService, name_every_request: bool = False) -> None:
        self._app = app
        self._service = service
        self._name_every_request = name_every_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request if it has the common form, else pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Here and not in a middleware of its own, which would cost every request a call.
        for name, _ in scope["headers"]:
            if name in CARRIED:
                send = traced(scope, send)
                break
        else:
            if self._name_every_request:
                send = traced(scope, send)
        if scope["path"] == RECOMMENDATIONS and scope["method"] == "GET":
            query = scope["query_string"]
            parsed = _parse_cached(query) if len(query) <= _MAX_QUERY_LENGTH else parse(query)
            if parsed is not None:
                service = self._service
                answer = service.local_answer(*parsed)
                if answer is None and service.generation is not None:
                    answer = await service.recommend(*parsed)
                if answer is not None:
                    headers = answer.raw_headers()
                    await send({"type": "http.response.start", "status": 200, "headers": headers})
                    await send({"type": "http.response.body", "body": answer.body})
                    return
        await self._app(scope, receive, send)
