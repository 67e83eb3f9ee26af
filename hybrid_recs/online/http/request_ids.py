"""Request ids: copies `X-Request-ID` and W3C `traceparent` from a request into the logs and the response.

Requests with neither header cost nothing, unless every request gets an id (JSON logs). An id that is too long
or has other characters is replaced by a new one; an invalid traceparent is ignored, as
https://www.w3.org/TR/trace-context/ requires. The trace is passed through unchanged: the service makes no
spans.
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
# Version, trace id, parent id, flags; versions after 00 may append fields, which begin with a dash.
_TRACEPARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)

RawHeaders = list[tuple[bytes, bytes]]


def traced(scope: Scope, send: Send) -> Send:
    """Set the request's ids for the log lines of the calling task; returns a `send` that adds them to the
    response headers."""
    echoed = _set_ids(scope["headers"])
    started, status = time.perf_counter(), 0

    async def send_with_ids(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), *echoed]}
        await send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            _log(scope, status, time.perf_counter() - started)

    return send_with_ids


def _set_ids(headers: RawHeaders) -> RawHeaders:
    """Set the context variables; returns the headers to send back."""
    ids = [value for name, value in headers if name == b"x-request-id"]
    is_valid = len(ids) == 1 and _REQUEST_ID.fullmatch(ids[0])
    request_id = ids[0] if is_valid else secrets.token_hex(16).encode()
    logs.request_id.set(request_id.decode())
    echoed = [(b"x-request-id", request_id)]
    parents = [value for name, value in headers if name == b"traceparent"]
    trace_id = trace_id_of(parents[0]) if len(parents) == 1 else None
    logs.trace_id.set(trace_id)
    return [*echoed, (b"traceparent", parents[0])] if trace_id else echoed


def trace_id_of(traceparent: bytes) -> str | None:
    """The trace id of a traceparent header; None if the header is not valid."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or (match[1] == b"00" and match[3]):
        return None
    return match[2].decode()


def _log(scope: Scope, status: int, seconds: float) -> None:
    if log.isEnabledFor(logging.DEBUG):
        line = "%s %s %d in %.1f ms"
        fields = {"method": scope["method"], "path": scope["path"], "status": status, "seconds": seconds}
        log.debug(line, scope["method"], scope["path"], status, seconds * 1_000, extra={"fields": fields})
