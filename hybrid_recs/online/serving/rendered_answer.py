"""A rendered answer with the response headers that say where it came from."""

from typing import NamedTuple

from hybrid_recs.types import Source

JSON = "application/json"

RawHeaders = list[tuple[bytes, bytes]]

_JSON_HEADER = (b"content-type", JSON.encode())
_TIMING = {source: source.value.encode() + b";dur=%.3f" for source in Source}
# Most answers take a few microseconds: their headers are prepared. Measured: 0.1 µs instead of 0.2 µs.
_PREPARED_MICROSECONDS = 512
_TIMINGS = {
    source: [(b"server-timing", timing % (us / 1_000)) for us in range(_PREPARED_MICROSECONDS)]
    for source, timing in _TIMING.items()
}


class RenderedAnswer(NamedTuple):
    """The source of an answer, the seconds it took, and its body.

    A tuple, because one is made for every request: a frozen dataclass takes two to three times as long to
    make.
    """

    source: Source
    seconds: float
    body: bytes

    def raw_headers(self) -> RawHeaders:
        """The headers in the form that ASGI takes."""
        source, seconds, body = self
        us = round(seconds * 1e6)
        if us < _PREPARED_MICROSECONDS:
            timing = _TIMINGS[source][us]
        else:
            timing = b"server-timing", _TIMING[source] % (us / 1_000)
        return [timing, (b"content-length", b"%d" % len(body)), _JSON_HEADER]
