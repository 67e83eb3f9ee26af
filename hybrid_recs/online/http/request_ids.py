"""Names of requests: `X-Request-ID` and W3C `traceparent`, from the request into logs and the answer.

Nothing is done for a request that brings neither, unless every request is to have a name (JSON logs). An id
that is not short and plain is replaced by one of our own; a traceparent that is not valid is ignored, as
https://www.w3.org/TR/trace-context/ asks. The trace is passed through as it came: the service makes no spans.
"""

import logging
import re
import secrets
import time

from starlette.types import Message, Scope, Send

from hybrid_recs import logs

log = logging.getLogger("hybrid_recs.request")

CARRIED = frozenset({b"x-request-id", b"traceparent"})
MAX_REQUEST_ID_LENGTH = 128
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,%d}" % MAX_REQUEST_ID_LENGTH)
# version, trace id, parent id, flags; what versions after 00 append begins with a dash.
_TRACEPARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)

RawHeaders = list[tuple[bytes, bytes]]


def traced(scope: Scope, send: Send) -> Send:
    """Name the request for the logs of the task that this is called in; returns a `send` that adds the names
    to the answer's headers."""
    echoed = _names(scope["headers"])
    started, status = time.perf_counter(), 0

    async def send_named(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), *echoed]}
        await send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            _log(scope, status, time.perf_counter() - started)

    return send_named


def _names(headers: RawHeaders) -> RawHeaders:
    """The headers of the answer; sets the context variables."""
    given = [value for name, value in headers if name == b"x-request-id"]
    known = given[0] if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]) else None
    request_id = known or secrets.token_hex(16).encode()
    logs.request_id.set(request_id.decode())
    echoed = [(b"x-request-id", request_id)]
    parents = [value for name, value in headers if name == b"traceparent"]
    trace_id = trace_id_of(parents[0]) if len(parents) == 1 else None
    logs.trace_id.set(trace_id)
    return [*echoed, (b"traceparent", parents[0])] if trace_id else echoed


def trace_id_of(traceparent: bytes) -> str | None:
    """The trace id of a header; None of one that is not valid."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None or (found[1] == b"00" and found[3]):
        return None
    return found[2].decode()


def _log(scope: Scope, status: int, seconds: float) -> None:
    if log.isEnabledFor(logging.DEBUG):
        line = "%s %s %d in %.1f ms"
        fields = {"method": scope["method"], "path": scope["path"], "status": status, "seconds": seconds}
        log.debug(line, scope["method"], scope["path"], status, seconds * 1_000, extra={"fields": fields})
