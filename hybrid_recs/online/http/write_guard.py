"""Who may write, how often, and how much: an ASGI layer around the whole application.

A layer and not a dependency of routes, because the framework reads a whole body before any dependency runs.
Nothing has to be done for a route to be guarded: every request counts as writing whose method is not GET,
HEAD or OPTIONS, unless its path is one of READING_POSTS. For all of them bodies are bounded (413), declared
or chunked; those that write must come from who may write (401, 403) and not too often (429). A route only
describes it: `responses={**GUARDED}` of routes/common.py.

With keys, one of them must be given, as `X-API-Key: …` or `Authorization: Bearer …`. Without, only clients
on this machine may write. A request with a header of a proxy (Forwarded, X-Forwarded-…, X-Real-IP, Via) was
not made on this machine, whatever address it comes from: it is the proxy that is near, and what the header
says can be made up. Nor was one made by a page that a browser got elsewhere (Origin). A proxy that adds no
such header cannot be told from a client on this machine: behind one, set keys.
"""

import hashlib
import hmac
import ipaddress
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hybrid_recs.online.http.responses import error_response
from hybrid_recs.online.serving.limits import READING_POSTS

log = logging.getLogger(__name__)

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OF_A_PROXY = frozenset({b"forwarded", b"x-real-ip", b"via"})
_MAX_BUCKETS = 10_000
_CLOSE = {"Connection": "close"}  # what is left of a long body is not read
_NEEDS_A_KEY = {"WWW-Authenticate": "Bearer"}

Headers = dict[bytes, bytes]


class WriteGuard:
    """Lets through what may pass. keys: empty for clients on this machine only. longest_body: bytes."""

    def __init__(
        self,
        app: ASGIApp,
        keys: Sequence[str],
        writes_per_second: float,
        longest_body: int,
        same: Callable[[bytes, bytes], bool] = hmac.compare_digest,
    ) -> None:
        """same: compares two digests, in a time that does not depend on where they differ."""
        self._app = app
        self._same = same
        self._keys = [_digest(key.encode()) for key in keys]
        self._buckets = TokenBuckets(writes_per_second)
        self._longest_body = longest_body
        if keys:
            log.info("writing needs one of %d API keys", len(keys))
        else:
            log.warning("only clients on this machine may write; set HYBRID_RECS_API_KEYS to let others")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with what is wrong, or hand on."""
        if scope["type"] != "http" or scope["method"] in _READING:
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
        except HTTPException as error:
            code = {401: "key_needed", 403: "not_allowed", 413: "body_too_large", 429: "too_many_writes"}
            response = error_response(error.status_code, code[error.status_code], error.detail)
            response.headers.update(error.headers or {})
            await response(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _check(self, scope: Scope) -> None:
        """Raises HTTPException when the request may not pass."""
        headers: Headers = dict(scope["headers"])
        if not (scope["method"] == "POST" and scope["path"] in READING_POSTS):
            wait = self._buckets.wait(self._writer(scope, headers))
            if wait:
                told = {"Retry-After": str(math.ceil(wait))}
                raise HTTPException(429, "too many writing requests; try again later", told)
        if int(headers.get(b"content-length", 0)) > self._longest_body:
            raise self._too_large()

    def _writer(self, scope: Scope, headers: Headers) -> str:
        """Who asks to write, as a name for the count."""
        if self._keys:
            key = self._key(headers)
            if key is None:
                raise HTTPException(
                    401, "a key is needed, as X-API-Key: … or Authorization: Bearer …", _NEEDS_A_KEY
                )
            return f"key {key}"
        client = scope["client"][0] if scope.get("client") else ""
        if not (_is_loopback(client) and _is_near(headers)):
            raise HTTPException(
                403,
                "no API keys are set, so only clients on this machine may write, not through a proxy or from "
                "another site's page; set HYBRID_RECS_API_KEYS to let others",
            )
        return str(client)

    def _key(self, headers: Headers) -> int | None:
        """Which key is given. Every key is compared, in constant time: how long it takes tells nothing."""
        given = headers.get(b"x-api-key")
        if given is None:
            scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
            given = token if scheme.lower() == b"bearer" else b""
        digest, found = _digest(given.strip()), None
        for number, key in enumerate(self._keys):
            if self._same(key, digest):
                found = number
        return found

    def _counted(self, receive: Receive) -> Receive:
        """`receive` that ends a body once it is too long, before all of it is there."""
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._longest_body:
                raise self._too_large()
            return message

        return counted

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"the body is longer than {self._longest_body:,} bytes", _CLOSE)


class TokenBuckets:
    """Token buckets by name: one second's worth may come at once. The least lately used give way."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        """rate: a second; 0: no bound."""
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name → tokens, when counted

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, name: str) -> float:
        """Take a token: 0, or the seconds until there is one."""
        if not self._rate:
            return 0.0
        now, full = self._clock(), max(1.0, self._rate)
        tokens, counted = self._buckets.pop(name, (full, now))
        tokens = min(full, tokens + (now - counted) * self._rate)
        enough = tokens >= 1
        self._buckets[name] = tokens - enough, now
        if len(self._buckets) > _MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return 0.0 if enough else (1 - tokens) / self._rate


def _digest(key: bytes) -> bytes:
    """All of one length, so that a comparison does not tell how long a key is."""
    return hashlib.sha256(key).digest()


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _is_near(headers: Headers) -> bool:
    """Whether no proxy stands between, and no page of another site asked."""
    if any(name in _OF_A_PROXY or name.startswith(b"x-forwarded-") for name in headers):
        return False
    origin = headers.get(b"origin")
    if origin is None:
        return True
    host = urlsplit(origin.decode("latin-1")).hostname or ""
    return host == "localhost" or _is_loopback(host)
