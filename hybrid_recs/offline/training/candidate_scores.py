"""The items that can be among a query's best 20 with any weights, with the parts of their scores.

The terms of `Scorer`'s formula as matrix products over all items and many queries, so that a search over
weights takes milliseconds per value. Ranks are compared in single precision and nothing here is served;
`test_tuning` holds its rates to those of scoring every item. Co-visit and trend weights are never negative,
so the candidates are the best 20 by near and every item on a co-visit or trend list (see
`Scorer.score_queries`).
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
    """Item sets, and for each the rows that must not be recommended and the rows that should be."""

    sets: Sequence[WeightedItems]
    masked: Sequence[Rows]
    targets: Sequence[Rows]

    def part(self, start: int, stop: int) -> "Queries":
        return Queries(self.sets[start:stop], self.masked[start:stop], self.targets[start:stop])


@dataclass(frozen=True, slots=True)
class CandidateScores:
    """The parts of the scores of m queries' candidates (m × c; `near` is -inf where a query has fewer).

    rows: the candidates. query, column: of every target (t) the query it belongs to, and its column among
    the candidates, -1 if it is no candidate. n_targets: targets of each query (m).
    """

    rows: NDArray[np.int32]
    near: Floats
    linked: Floats
    query: Rows
    column: Rows
    n_targets: Rows

    def ranks(self, weight: float, trend: Floats | None) -> Rows:
        """How many candidates score above each target (t), at most `CUTOFF`.

        trend: the addition to the score of each of the n items, 0 for rows that were not `marked`.
        """
        scores = self.near + np.float32(weight) * self.linked
        if trend is not None:
            scores += trend[self.rows]
        top = np.partition(scores, -CUTOFF, axis=1)[:, -CUTOFF:] if scores.shape[1] > CUTOFF else scores
        own = np.where(self.column >= 0, scores[self.query, self.column], -np.inf)
        ranks = (top[self.query] > own[:, np.newaxis]).sum(axis=1)
        return np.where(np.isfinite(own), ranks, CUTOFF)

    def hits(self, weight: float, trend: Floats | None = None) -> Values:
        """Per target, 1 if it is among its query's best 20."""
        return (self.ranks(weight, trend) < CUTOFF).astype(np.float64)

    def ndcg(self, weight: float, trend: Floats | None = None) -> Values:
        """Per query, nDCG@20 of its targets; see `evaluation.metrics.case_figures`."""
        ranks = self.ranks(weight, trend)
        gains = self._sum_by_query(np.where(ranks < CUTOFF, 1 / np.log2(2 + ranks), 0.0))
        ideal = np.cumsum(1 / np.log2(2 + np.arange(CUTOFF)))
        values: Values = gains / ideal[np.minimum(self.n_targets, CUTOFF) - 1]
        return values

    def _sum_by_query(self, target_values: Values) -> Values:
        """Sums over each query's targets (m)."""
        sums: Values = np.bincount(self.query, target_values, minlength=len(self.near)).astype(np.float64)
        return sums


def find_candidates(scorer: Scorer, queries: Queries, marked: Rows) -> CandidateScores:
    """The candidates of every query, by scoring all items; `marked` rows are always candidates."""
    n, m = len(scorer.vectors), len(queries.sets)
    items = scorer.boosted_vectors()
    lists = _as_matrix(scorer.covisits)
    step = max(1, _CELLS_AT_ONCE // max(n, 1))
    blocks = [
        _block(scorer, items, lists, marked, queries.part(start, start + step)) for start in range(0, m, step)
    ]
    return _joined(blocks, queries, step)


@dataclass(frozen=True, slots=True)
class _Block:
    """Candidates of a few queries, flat: queries ascending, rows ascending within each."""

    query: Rows
    row: Rows
    near: Floats
    linked: Floats


def _block(scorer: Scorer, items: Floats, lists: "Csr[np.float32]", marked: Rows, part: Queries) -> _Block:
    n, m = len(items), len(part.sets)
    weights = _weight_matrix(part.sets, n)
    near: Floats = (weights @ scorer.vectors) @ items.T
    near[np.repeat(np.arange(m), [len(rows) for rows in part.masked]), np.concatenate(part.masked)] = -np.inf
    is_candidate = near >= _bound_of_the_best(near)
    is_candidate[:, marked] = True
    listed = (weights @ lists).tocoo()
    is_candidate[listed.row, listed.col] = True
    cells = np.flatnonzero(is_candidate)
    linked = np.zeros(len(cells), np.float32)
    linked[np.searchsorted(cells, listed.row.astype(np.int64) * n + listed.col)] = listed.data
    near = near.ravel()
    eligible = np.isfinite(near[cells])
    cells = cells[eligible]
    query, row = np.divmod(cells, n)
    return _Block(query, row, near[cells], linked[eligible])


def _bound_of_the_best(scores: Floats) -> Floats:
    """For each of m rows of scores (m × n) a bound (m × 1) that its best 20 reach, and few others.

    It is the 20th highest of the maxima of groups of 64 columns, a fraction of the cost of partitioning all.
    """
    m, n = scores.shape
    groups = min(64, n // (4 * CUTOFF))
    if groups > 1:
        width = n // groups
        scores = scores[:, : groups * width].reshape(m, groups, width).max(axis=1)
    position = max(scores.shape[1] - CUTOFF, 0)
    bound: Floats = np.partition(scores, position, axis=1)[:, position, np.newaxis]
    return bound


def _joined(blocks: Sequence[_Block], queries: Queries, step: int) -> CandidateScores:
    """Flat candidates as rectangles with one row per query."""
    m = len(queries.sets)
    query = np.concatenate([block.query + number * step for number, block in enumerate(blocks)])
    row = np.concatenate([block.row for block in blocks])
    counts = np.bincount(query, minlength=m)
    starts = np.cumsum(counts) - counts
    column = np.arange(len(query)) - starts[query]

    def rectangle(values: NDArray[Any], blank: float) -> NDArray[Any]:
        filled = np.full((m, int(counts.max(initial=1))), blank, values.dtype)
        filled[query, column] = values
        return filled

    n_targets = np.array([len(rows) for rows in queries.targets], np.int64)
    target_query = np.repeat(np.arange(m), n_targets)
    # (query, row) as one number: ascending over the flat candidates, so that a binary search finds targets.
    width = 1 + max(int(row.max(initial=0)), max(int(rows.max()) for rows in queries.targets))
    cells, targets = query * width + row, target_query * width + np.concatenate(queries.targets)
    position = np.minimum(np.searchsorted(cells, targets), len(cells) - 1)
    return CandidateScores(
        rows=rectangle(row.astype(np.int32), 0),
        near=rectangle(np.concatenate([block.near for block in blocks]), -np.inf),
        linked=rectangle(np.concatenate([block.linked for block in blocks]), 0.0),
        query=target_query,
        column=np.where(cells[position] == targets, column[position], -1),
        n_targets=n_targets,
    )


def _weight_matrix(sets: Sequence[WeightedItems], n: int) -> "Csr[np.float32]":
    """The weights of the sets, queries × items."""
    starts = np.cumsum([0, *(len(items.rows) for items in sets)])
    rows, weights = (
        np.concatenate(parts) for parts in zip(*((s.rows, s.weights) for s in sets), strict=True)
    )
    return Csr((weights, rows, starts), shape=(len(sets), n))


def _as_matrix(lists: CoVisits) -> "Csr[np.float32]":
    n = len(lists)
    return Csr((lists.weights, lists.rows.astype(np.int64), lists.indptr), shape=(n, n))
