"""The write guard: who may write, how often, and how large bodies may be. A middleware around the
application.

It is not a dependency of routes because the framework reads the whole body before any dependency runs. New
routes are guarded without further code: a request writes unless its method is GET, HEAD or OPTIONS, or it is
a POST to one of READING_POSTS. Bodies of all other methods are bounded (413), declared or chunked. Requests
that write must be authorised (401, 403) and within the rate limit (429). A route only describes these
responses: `responses={**GUARDED}` of routes/common.py.

With API keys, a request needs one of them, as `X-API-Key: …` or `Authorization: Bearer …`. Without, only
clients on this machine may write. A request with a proxy's header (Forwarded, X-Forwarded-…, X-Real-IP, Via)
is treated as remote whatever its address: the address is the proxy's, and the header can be forged. So is a
request from a page of another site (Origin). A proxy that adds no such header looks like a client on this
machine: behind one, set keys.
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
_PROXY_HEADERS = frozenset({b"forwarded", b"x-real-ip", b"via"})
_MAX_BUCKETS = 10_000
_CLOSE = {"Connection": "close"}  # the rest of a long body is not read
_CHALLENGE = {"WWW-Authenticate": "Bearer"}

Headers = dict[bytes, bytes]


class WriteGuard:
    """Passes allowed requests on. keys: empty if only clients on this machine may write.

    writes_per_second: per key or client. max_body: bytes. same: compares two digests in constant time.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: Sequence[str],
        writes_per_second: float,
        max_body: int,
        same: Callable[[bytes, bytes], bool] = hmac.compare_digest,
    ) -> None:
        self._app = app
        self._same = same
        self._keys = [_digest(key.encode()) for key in keys]
        self._buckets = TokenBuckets(writes_per_second)
        self._max_body = max_body
        if keys:
            log.info("writing requires one of %d API keys", len(keys))
        else:
            log.warning("only clients on this machine may write; set HYBRID_RECS_API_KEYS to allow others")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
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
        await self._app(scope, self._bounded(receive), send)

    def _check(self, scope: Scope) -> None:
        """Raises HTTPException if the request is refused."""
        headers: Headers = dict(scope["headers"])
        if not (scope["method"] == "POST" and scope["path"] in READING_POSTS):
            wait = self._buckets.wait(self._writer(scope, headers))
            if wait:
                retry = {"Retry-After": str(math.ceil(wait))}
                raise HTTPException(429, "too many writes; try again later", retry)
        if int(headers.get(b"content-length", 0)) > self._max_body:
            raise self._too_large()

    def _writer(self, scope: Scope, headers: Headers) -> str:
        """The key or client that writes, as a name for its rate limit."""
        if self._keys:
            key = self._key(headers)
            if key is None:
                raise HTTPException(
                    401, "an API key is required, as X-API-Key: … or Authorization: Bearer …", _CHALLENGE
                )
            return f"key {key}"
        client = scope["client"][0] if scope.get("client") else ""
        if not (_is_loopback(client) and _is_direct(headers)):
            raise HTTPException(
                403,
                "no API keys are set: only clients on this machine may write, not through a proxy or from "
                "another site's page; set HYBRID_RECS_API_KEYS to allow others",
            )
        return str(client)

    def _key(self, headers: Headers) -> int | None:
        """The number of the request's key. Every key is compared in constant time, so that the time reveals
        nothing."""
        given = headers.get(b"x-api-key")
        if given is None:
            scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
            given = token if scheme.lower() == b"bearer" else b""
        digest, match = _digest(given.strip()), None
        for number, key in enumerate(self._keys):
            if self._same(key, digest):
                match = number
        return match

    def _bounded(self, receive: Receive) -> Receive:
        """A `receive` that raises as soon as the body is too long."""
        received = 0

        async def receive_bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body:
                raise self._too_large()
            return message

        return receive_bounded

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"the body is longer than {self._max_body:,} bytes", _CLOSE)


class TokenBuckets:
    """Token buckets by name, each with the tokens of one second; evicts the least recently used."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        """rate: tokens per second; 0: unlimited."""
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = (
            OrderedDict()
        )  # name → tokens, time of the count

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, name: str) -> float:
        """Take a token: 0, or the seconds until one is available."""
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
    """A digest of fixed length, so that a comparison does not reveal the length of a key."""
    return hashlib.sha256(key).digest()


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _is_direct(headers: Headers) -> bool:
    """Whether the request comes neither through a proxy nor from a page of another site."""
    if any(name in _PROXY_HEADERS or name.startswith(b"x-forwarded-") for name in headers):
        return False
    origin = headers.get(b"origin")
    if origin is None:
        return True
    try:
        host = urlsplit(origin.decode("latin-1")).hostname or ""
    except ValueError:  # no address at all, such as http://[::1
        return False
    return host == "localhost" or _is_loopback(host)
