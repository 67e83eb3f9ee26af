"""The one rendering of an answer, body and headers, whichever way a request came in."""

from dataclasses import dataclass

import numpy as np
import orjson

from hybrid_recs.generation import Generation
from hybrid_recs.types import Answer, Source

JSON = "application/json"

RawHeaders = list[tuple[bytes, bytes]]

_JSON_HEADER = (b"content-type", JSON.encode())


@dataclass(frozen=True, slots=True)
class Served:
    """A rendered answer: the rung it came from, the seconds it took, and the body."""

    source: Source
    seconds: float
    body: bytes

    def raw_headers(self) -> RawHeaders:
        """As ASGI wants them."""
        timing = f"{self.source};dur={self.seconds * 1_000:.3f}"
        return [
            (b"server-timing", timing.encode()),
            (b"content-length", b"%d" % len(self.body)),
            _JSON_HEADER,
        ]


def render(item_id: str, generation: Generation, answer: Answer) -> bytes:
    """The body of an answer; scores with four decimals."""
    catalogue = generation.catalogue
    rows = answer.neighbours.rows.tolist()
    # float16 values times 10,000 are exact in float64, so this rounds as Python does, at a tenth of the cost.
    scores = answer.neighbours.scores.astype(np.float64).round(4).tolist()
    return orjson.dumps(
        {
            "item_id": item_id,
            "generation": generation.id,
            "source": answer.source,
            "fallback_reason": answer.reason,
            "items": [
                {"item_id": catalogue.item_id(row), "score": score, "title": catalogue.title(row)}
                for row, score in zip(rows, scores, strict=True)
            ],
        }
    )
