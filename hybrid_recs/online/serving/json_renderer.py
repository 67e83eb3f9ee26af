"""The one rendering of an answer, body and headers, whichever way a request came in.

A body is JSON put together from pieces: what does not change about an item and every score there can be are
rendered once.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import orjson

from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.types import Answer, Outcome, Source, scores_from_bits

JSON = "application/json"

RawHeaders = list[tuple[bytes, bytes]]

_JSON_HEADER = (b"content-type", JSON.encode())
_TIMING = {source: source.value.encode() + b";dur=%.3f" for source in Source}
# Most answers take few microseconds: their headers are ready.
_READY_MICROSECONDS = 512
_TIMINGS = {
    source: [(b"server-timing", timing % (us / 1_000)) for us in range(_READY_MICROSECONDS)]
    for source, timing in _TIMING.items()
}
# Most items whose pieces are kept: about 20 MB. The ten best of 5,000 hot items are 37,000 items, of 10,000
# 60,000; where they do not fit and are asked for in turn, every answer renders all its pieces anew.
_MAX_PIECES = 65_536
# What follows the item that was asked about. The id of an answer begins with its source, so that clicks can
# be told by it. An answer about an item has the same id as long as it is the same answer.
_REST = (
    b'"recommendation_id":"%b-%b","generation":%b,"source":"%b","fallback_reason":%b,'
    b'"unknown_items":[%b],"items":[%b]}'
)


_REASONS = {outcome: orjson.dumps(outcome.public_reason) for outcome in Outcome}
_UNKNOWN_ITEM = Outcome.UNKNOWN_ITEM  # Python 3.11 looks a member up by a call of its own


class RenderedAnswer(NamedTuple):
    """A rendered answer: the rung it came from, the seconds it took, and the body.

    A tuple because one is made for every request: a frozen dataclass takes three times as long to make.
    """

    source: Source
    seconds: float
    body: bytes

    def raw_headers(self) -> RawHeaders:
        """As ASGI wants them."""
        source, seconds, body = self
        us = round(seconds * 1e6)
        if us < _READY_MICROSECONDS:
            timing = _TIMINGS[source][us]
        else:
            timing = b"server-timing", _TIMING[source] % (us / 1_000)
        return [timing, (b"content-length", b"%d" % len(body)), _JSON_HEADER]


def _scores() -> list[bytes]:
    """Every number of half precision, by its bits, with four decimals: scores have no others."""
    with np.errstate(invalid="ignore"):  # a sixteenth of them are no numbers
        numbers = scores_from_bits(range(2**16)).astype(np.float64).round(4)
    return orjson.dumps(numbers.tolist())[1:-1].split(b",")


_SCORES = _scores()


class JsonRenderer:
    """Renders the answers from one generation and what has changed since."""

    def __init__(self, recommender: Recommender) -> None:
        self._items = recommender.items
        self._id = orjson.dumps(recommender.generation.id)
        self._salt = recommender.generation.id.encode()
        self._pieces = lru_cache(_MAX_PIECES)(self._rendered)

    def body(self, item_id: str, answer: Answer) -> bytes:
        """The body of an answer about one item; scores with four decimals."""
        return self.body_of(item_id, answer.source, answer.outcome, *answer.neighbours.scored_rows())

    def body_of(
        self, item_id: str, source: Source, outcome: Outcome, rows: Sequence[int], bits: Sequence[int]
    ) -> bytes:
        """`body` for rows and the bits of their scores in half precision."""
        encoded = orjson.dumps(item_id)
        name = hashlib.blake2b(encoded, digest_size=8, key=self._salt).hexdigest()
        unknown = encoded if outcome is _UNKNOWN_ITEM else b""
        return b'{"item_id":%b,%b' % (encoded, self._rest(name, source, outcome, unknown, rows, bits))

    def visitor_body(self, name: str, unknown: Sequence[str], answer: Answer) -> bytes:
        """The body of an answer to any other query; `name` tells it from all others."""
        listed = orjson.dumps(unknown)[1:-1]
        scored_rows = answer.neighbours.scored_rows()
        return b"{" + self._rest(name, answer.source, answer.outcome, listed, *scored_rows)

    def _rest(
        self,
        name: str,
        source: Source,
        outcome: Outcome,
        unknown: bytes,
        rows: Sequence[int],
        bits: Sequence[int],
    ) -> bytes:
        items = b",".join(map(self._pieces, rows)) % tuple(map(_SCORES.__getitem__, bits))
        return _REST % (
            source.encode(),
            name.encode(),
            self._id,
            source.encode(),
            _REASONS[outcome],
            unknown,
            items,
        )

    def _rendered(self, row: int) -> bytes:
        """An item with a place left for its score."""
        item_id, title = orjson.dumps(self._items.item_id(row)), orjson.dumps(self._items.title(row))
        around = b'{"item_id":%b,"score":' % item_id, b',"title":%b}' % title
        return b"%b".join(text.replace(b"%", b"%%") for text in around)
