"""Neighbour lists of the hot set: the live answer, computed ahead of time."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.generation.vector_index import ExactIndex, FaissIndex
from hybrid_recs.types import Floats, Neighbours, ProgressCallback, Rows, no_progress

LIST_DEPTH = 100
_BATCH, _RANKED_AT_ONCE = 512, 32
# Some ten seconds of work.
EXACT_UP_TO = 500_000_000
_EFFORT_MULTIPLIER = 2


def neighbour_lists(
    scorer: Scorer,
    rows: Rows,
    depth: int = LIST_DEPTH,
    on_progress: ProgressCallback = no_progress,
    index: FaissIndex | None = None,
    exact_up_to: int = EXACT_UP_TO,
) -> Iterator[Neighbours]:
    """The best `depth` of each row over all items, in the order of `rows`.

    By exact search; but where that scores more than `exact_up_to` pairs, and an index is given, by the index
    that answers live, with twice the effort.
    """
    by_index = index is not None and len(rows) * len(index) > exact_up_to
    search = _searcher(scorer, index if by_index else None)
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        candidates = search(np.ascontiguousarray(scorer.vectors[batch]), depth + 1)
        for at in range(0, len(batch), _RANKED_AT_ONCE):
            some = slice(at, at + _RANKED_AT_ONCE)
            yield from scorer.score_queries(
                [scorer.item_query(row) for row in batch[some]], candidates[some], depth
            )
        on_progress(len(batch))


def _searcher(scorer: Scorer, index: FaissIndex | None) -> Callable[[Floats, int], Sequence[Rows]]:
    if index is not None:
        return partial(index.search_many, effort_multiplier=_EFFORT_MULTIPLIER)
    exact = ExactIndex(scorer.boosted_vectors())
    return lambda queries, k: list(exact.search_many(queries, k))
