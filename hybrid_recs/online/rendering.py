"""The one rendering of an answer, body and headers, whichever way a request came in."""

from typing import NamedTuple

import numpy as np
import orjson

from hybrid_recs.generation import Generation
from hybrid_recs.types import Answer, Source

JSON = "application/json"

RawHeaders = list[tuple[bytes, bytes]]

_JSON_HEADER = (b"content-type", JSON.encode())
_TIMING = {source: source.value.encode() + b";dur=%.3f" for source in Source}


class Served(NamedTuple):
    """A rendered answer: the rung it came from, the seconds it took, and the body.

    A tuple because one is made for every request: a frozen dataclass takes three times as long to make.
    """

    source: Source
    seconds: float
    body: bytes

    def raw_headers(self) -> RawHeaders:
        """As ASGI wants them."""
        return [
            (b"server-timing", _TIMING[self.source] % (self.seconds * 1_000)),
            (b"content-length", b"%d" % len(self.body)),
            _JSON_HEADER,
        ]


def render(item_id: str, generation: Generation, answer: Answer) -> bytes:
    """The body of an answer; scores with four decimals."""
    rows = answer.neighbours.rows.tolist()
    # float16 values times 10,000 are exact in float64, so this rounds as Python does, at a tenth of the cost.
    scores = answer.neighbours.scores.astype(np.float64).round(4).tolist()
    item_ids, titles = generation.catalogue.item_ids(rows), generation.catalogue.titles(rows)
    return orjson.dumps(
        {
            "item_id": item_id,
            "generation": generation.id,
            "source": answer.source.value,
            "fallback_reason": answer.reason.value if answer.reason else None,
            "items": [
                {"item_id": neighbour, "score": score, "title": title}
                for neighbour, score, title in zip(item_ids, scores, titles, strict=True)
            ],
        }
    )
