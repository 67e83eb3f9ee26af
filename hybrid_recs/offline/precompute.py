"""Neighbour lists of the hot set: the live answer, computed ahead of time over exact search."""

from collections.abc import Iterator

import numpy as np

from hybrid_recs.scoring import Scorer
from hybrid_recs.types import Neighbours, OnDone, Rows, silent
from hybrid_recs.vectors import ExactIndex

LIST_DEPTH = 100
_BATCH = 512


def neighbour_lists(
    scorer: Scorer, rows: Rows, depth: int = LIST_DEPTH, on_done: OnDone = silent
) -> Iterator[Neighbours]:
    """The best `depth` of each row over all items, in the order of `rows`."""
    index = ExactIndex(np.ascontiguousarray(scorer.vectors * scorer.tilt[:, np.newaxis]))
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        candidates = index.search_many(np.ascontiguousarray(scorer.vectors[batch]), depth + 1)
        for row, best in zip(batch, candidates, strict=True):
            yield scorer.rank(int(row), best, depth)
        on_done(len(batch))
