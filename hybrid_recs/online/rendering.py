"""The one rendering of an answer, body and headers, whichever way a request came in."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import orjson

from hybrid_recs.generation import Generation
from hybrid_recs.types import Answer, Reason, Source

JSON = "application/json"

RawHeaders = list[tuple[bytes, bytes]]

_JSON_HEADER = (b"content-type", JSON.encode())


def _shown() -> list[float]:
    """Every number of half precision, by its bits, as answers show it: scores have no others."""
    with np.errstate(invalid="ignore"):  # a sixteenth of them are no numbers
        numbers = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float64).round(4)
    shown: list[float] = numbers.tolist()
    return shown


_SHOWN = _shown()
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
    rows, scores = answer.neighbours.rows.tolist(), answer.neighbours.scores
    bits = scores.astype(np.float16).view(np.uint16).tolist()
    return render_rows(item_id, generation, answer.source, answer.reason, rows, bits)


def render_rows(
    item_id: str,
    generation: Generation,
    source: Source,
    reason: Reason | None,
    rows: Sequence[int],
    bits: Sequence[int],
) -> bytes:
    """`render` for rows and the bits of their scores in half precision."""
    catalogue = generation.catalogue
    return orjson.dumps(
        {
            "item_id": item_id,
            "generation": generation.id,
            "source": source.value,
            "fallback_reason": reason.value if reason else None,
            "items": [
                {"item_id": neighbour, "score": _SHOWN[score], "title": title}
                for neighbour, score, title in zip(
                    catalogue.item_ids(rows), bits, catalogue.titles(rows), strict=True
                )
            ],
        }
    )
