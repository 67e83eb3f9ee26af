"""Neighbour lists of the hot set: the answers of live search, precomputed."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from hybrid_recs.generation.row_mask import RowMask
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.generation.vector_index import ExactIndex, FaissIndex
from hybrid_recs.types import Floats, Neighbours, ProgressCallback, Rows, no_progress

LIST_DEPTH = 100
_SEARCH_BATCH, _SCORING_BATCH = 512, 32
# Scored pairs of an exact search that takes some ten seconds.
EXACT_UP_TO = 500_000_000
_EFFORT_MULTIPLIER = 2


def precompute_lists(
    scorer: Scorer,
    rows: Rows,
    depth: int = LIST_DEPTH,
    on_progress: ProgressCallback = no_progress,
    index: FaissIndex | None = None,
    exact_up_to: int = EXACT_UP_TO,
    unlisted: frozenset[int] = frozenset(),
) -> Iterator[Neighbours]:
    """The best `depth` of each row over all items but unlisted ones, in the order of `rows`.

    By exact search. Where that would score more than `exact_up_to` pairs, and an index is given, by the
    index that live search uses, with twice the effort.
    """
    use_index = index is not None and len(rows) * len(index) > exact_up_to
    n = len(scorer.vectors)
    eligible = RowMask.all_but(frozenset(row for row in unlisted if row < n), n)
    search = _searcher(scorer, index if use_index else None, eligible)
    for start in range(0, len(rows), _SEARCH_BATCH):
        batch = rows[start : start + _SEARCH_BATCH]
        candidates = search(np.ascontiguousarray(scorer.vectors[batch]), depth + 1)
        for first in range(0, len(batch), _SCORING_BATCH):
            part = slice(first, first + _SCORING_BATCH)
            yield from scorer.score_queries(
                [scorer.item_query(row) for row in batch[part]], candidates[part], depth, eligible=eligible
            )
        on_progress(len(batch))


def _searcher(
    scorer: Scorer, index: FaissIndex | None, eligible: RowMask | None
) -> Callable[[Floats, int], Sequence[Rows]]:
    if index is not None:
        return partial(index.search_many, effort_multiplier=_EFFORT_MULTIPLIER, eligible=eligible)
    boosted = scorer.boosted_vectors()
    if eligible is None:
        exact = ExactIndex(boosted)
        return lambda queries, k: list(exact.search_many(queries, k))
    rows, listed = eligible.rows, ExactIndex(np.ascontiguousarray(boosted[eligible.rows]))
    return lambda queries, k: [rows[found] for found in listed.search_many(queries, k)]
