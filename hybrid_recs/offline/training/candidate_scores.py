"""The items that can be in a query's best 20 whatever the weights, with the parts of their scores.

The terms of `Scorer`'s formula as matrix products over all items and many queries, so that a search over
weights costs milliseconds a step. Ranks are compared in single precision and nothing here is served;
`test_tuning` holds its rates to those of scoring every item. Co-visit and trend weights are never negative,
so the best 20 by near and everything on a list are all that there is to compare (see `Scorer.score_queries`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hybrid_recs.generation.covisits import CoVisits
from hybrid_recs.generation.scoring import Scorer, WeightedItems
from hybrid_recs.types import Floats, Rows

CUTOFF = 20
_CELLS_AT_ONCE = 32_000_000

Csr = sparse.csr_array
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Queries:
    """Item sets, the rows that never answer each, and the rows that should."""

    sets: Sequence[WeightedItems]
    masked: Sequence[Rows]
    targets: Sequence[Rows]

    def part(self, start: int, stop: int) -> "Queries":
        """Some of them."""
        return Queries(self.sets[start:stop], self.masked[start:stop], self.targets[start:stop])


@dataclass(frozen=True, slots=True)
class CandidateScores:
    """The parts of the scores of m queries' contenders (m × c; `near` is -inf where a query has fewer).

    rows: which items they are. query, place: of every target (t) the query it belongs to, and its place
    among the contenders, -1 where it is none. wanted: targets of each query (m).
    """

    rows: NDArray[np.int32]
    near: Floats
    linked: Floats
    query: Rows
    place: Rows
    wanted: Rows

    def ranks(self, weight: float, trend: Floats | None) -> Rows:
        """How many contenders score above each target (t); `CUTOFF` stands for that or more.

        trend: what is added to the score of each of the n items; no others than those that were marked.
        """
        scores = self.near + np.float32(weight) * self.linked
        if trend is not None:
            scores += trend[self.rows]
        top = np.partition(scores, -CUTOFF, axis=1)[:, -CUTOFF:] if scores.shape[1] > CUTOFF else scores
        own = np.where(self.place >= 0, scores[self.query, self.place], -np.inf)
        ranks = (top[self.query] > own[:, np.newaxis]).sum(axis=1)
        return np.where(np.isfinite(own), ranks, CUTOFF)

    def hits(self, weight: float, trend: Floats | None = None) -> Values:
        """Per target, 1 if it is among its query's best 20."""
        return (self.ranks(weight, trend) < CUTOFF).astype(np.float64)

    def ndcg(self, weight: float, trend: Floats | None = None) -> Values:
        """Per query, nDCG@20 of its targets; see `evaluation.metrics.ndcg`."""
        ranks = self.ranks(weight, trend)
        gains = self._by_query(np.where(ranks < CUTOFF, 1 / np.log2(2 + ranks), 0.0))
        ideal = np.cumsum(1 / np.log2(2 + np.arange(CUTOFF)))
        values: Values = gains / ideal[np.minimum(self.wanted, CUTOFF) - 1]
        return values

    def _by_query(self, of_targets: Values) -> Values:
        """Sums over each query's targets (m)."""
        sums: Values = np.bincount(self.query, of_targets, minlength=len(self.near)).astype(np.float64)
        return sums


def find_candidates(scorer: Scorer, queries: Queries, marked: Rows) -> CandidateScores:
    """The contenders of every query, by scoring all items; `marked` rows are among them in any case."""
    n, m = len(scorer.vectors), len(queries.sets)
    items = scorer.boosted_vectors()
    lists = _as_matrix(scorer.covisits)
    step = max(1, _CELLS_AT_ONCE // max(n, 1))
    blocks = [_block(scorer, items, lists, marked, queries.part(at, at + step)) for at in range(0, m, step)]
    return _joined(blocks, queries, step)


@dataclass(frozen=True, slots=True)
class _Block:
    """Contenders of a few queries, flat: queries ascending, rows ascending within each."""

    query: Rows
    row: Rows
    near: Floats
    linked: Floats


def _block(scorer: Scorer, items: Floats, lists: "Csr[np.float32]", marked: Rows, part: Queries) -> _Block:
    n, m = len(items), len(part.sets)
    weights = _weights(part.sets, n)
    near: Floats = (weights @ scorer.vectors) @ items.T
    near[np.repeat(np.arange(m), [len(rows) for rows in part.masked]), np.concatenate(part.masked)] = -np.inf
    contends = near >= _not_above_the_best(near)
    contends[:, marked] = True
    met = (weights @ lists).tocoo()
    contends[met.row, met.col] = True
    cells = np.flatnonzero(contends)
    linked = np.zeros(len(cells), np.float32)
    linked[np.searchsorted(cells, met.row.astype(np.int64) * n + met.col)] = met.data
    near = near.ravel()
    left = np.isfinite(near[cells])
    cells = cells[left]
    query, row = np.divmod(cells, n)
    return _Block(query, row, near[cells], linked[left])


def _not_above_the_best(scores: Floats) -> Floats:
    """For each of m rows of scores (m × n) a bound (m × 1) that at least its best 20 reach, and few others.

    The 20th of the best of every 64 columns: looking for it costs a fraction of looking for the 20th of all.
    """
    m, n = scores.shape
    groups = min(64, n // (4 * CUTOFF))
    if groups > 1:
        width = n // groups
        scores = scores[:, : groups * width].reshape(m, groups, width).max(axis=1)
    at = max(scores.shape[1] - CUTOFF, 0)
    bound: Floats = np.partition(scores, at, axis=1)[:, at, np.newaxis]
    return bound


def _joined(blocks: Sequence[_Block], queries: Queries, step: int) -> CandidateScores:
    """Flat contenders as rectangles, each query's in a row of its own."""
    m = len(queries.sets)
    query = np.concatenate([block.query + at * step for at, block in enumerate(blocks)])
    row = np.concatenate([block.row for block in blocks])
    counts = np.bincount(query, minlength=m)
    starts = np.cumsum(counts) - counts
    column = np.arange(len(query)) - starts[query]

    def rectangle(values: NDArray[Any], blank: float) -> NDArray[Any]:
        filled = np.full((m, int(counts.max(initial=1))), blank, values.dtype)
        filled[query, column] = values
        return filled

    wanted = np.array([len(rows) for rows in queries.targets], np.int64)
    asked = np.repeat(np.arange(m), wanted)
    # (query, row) as one number: ascending over the flat contenders, so that targets are found by search.
    width = 1 + max(int(row.max(initial=0)), max(int(rows.max()) for rows in queries.targets))
    cells, targets = query * width + row, asked * width + np.concatenate(queries.targets)
    at = np.minimum(np.searchsorted(cells, targets), len(cells) - 1)
    return CandidateScores(
        rows=rectangle(row.astype(np.int32), 0),
        near=rectangle(np.concatenate([block.near for block in blocks]), -np.inf),
        linked=rectangle(np.concatenate([block.linked for block in blocks]), 0.0),
        query=asked,
        place=np.where(cells[at] == targets, column[at], -1),
        wanted=wanted,
    )


def _weights(sets: Sequence[WeightedItems], n: int) -> "Csr[np.float32]":
    """The sets as a matrix, queries × items."""
    starts = np.cumsum([0, *(len(items.rows) for items in sets)])
    rows, weights = (
        np.concatenate(parts) for parts in zip(*((s.rows, s.weights) for s in sets), strict=True)
    )
    return Csr((weights, rows, starts), shape=(len(sets), n))


def _as_matrix(lists: CoVisits) -> "Csr[np.float32]":
    n = len(lists)
    return Csr((lists.weights, lists.rows.astype(np.int64), lists.indptr), shape=(n, n))
