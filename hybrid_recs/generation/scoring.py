"""The one scoring function: precomputed lists and live answers both come from `Scorer.score_queries`.

A query is a set of items with weights; a single item is a set of one. With q = Σ w_a V_a (unit vectors),

    score(j) = (q · V_j) · boost_j + covisit_weight · Σ w_a R_aj + trend · T_j + repeat · w_j

where boost_j >= 1 grows slowly with j's popularity, R_aj in [0, 1] is the co-visit weight, T_j in [0, 1] says
how popular j was lately (for visitors only: the items similar to an item do not depend on the season), and
the last term is for queries whose own items may be recommended again. The first term is called near.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from hybrid_recs.generation.covisits import CoVisits
from hybrid_recs.generation.row_mask import RowMask
from hybrid_recs.generation.trend import Trend
from hybrid_recs.types import Floats, HistoryWeights, Neighbours, Rows, half_precision

# Only the latest items of a history are scored: the weights of older ones are small.
MAX_HISTORY = 50
_REMOVED = np.float32(-np.inf)
"""The score of a cell that must not be recommended."""


@dataclass(frozen=True, slots=True)
class WeightedItems:
    """Distinct rows with a weight each, and how co-visits and the trend count in this kind of query.

    repeat: factor of the items' own weights in their score; None: the items are never recommended again.
    trend: weight of the trend. vector: added to the items' own (d), for what has no row in the generation.
    """

    rows: Rows
    weights: Floats
    covisit_weight: float
    repeat: float | None = None
    trend: float = 0.0
    vector: Floats | None = None


@dataclass(frozen=True, slots=True)
class Scorer:
    """vectors: unit length (n × d). boosts: factor of each item's popularity (n). covisits: of n rows.
    covisit_weight: for queries of a single item."""

    vectors: Floats
    boosts: Floats
    covisits: CoVisits
    covisit_weight: float
    trend: Trend = field(default_factory=Trend.empty)

    def item_query(self, row: int) -> WeightedItems:
        """The query for items similar to one item."""
        return WeightedItems(np.array([row], np.int64), np.ones(1, np.float32), self.covisit_weight)

    def query_vector(self, items: WeightedItems) -> Floats:
        """The vector (d) that a query searches the index with."""
        if len(items.rows) == 1:
            query = np.asarray(items.weights[0] * self.vectors[items.rows[0]])
        else:
            query = np.einsum("i,ij->j", items.weights, self.vectors[items.rows])
        return query if items.vector is None else query + items.vector

    def boosted_vectors(self) -> Floats:
        """What the index holds (n × d): the inner product with a query is near."""
        return np.ascontiguousarray(self.vectors * self.boosts[:, np.newaxis])

    def near_all(self, query: Floats) -> Floats:
        """near of every row (n) for a query vector (d), to choose candidates and to count ranks.

        One matrix product: faster than `score_queries`, but its last bits depend on the blocking of the
        product.
        """
        return np.asarray(self.vectors @ query * self.boosts)

    def extra_candidates(self, items: WeightedItems) -> int:
        """How many more candidates than k `score_queries` needs for a query, exclusions aside."""
        indptr, penalising = self.covisits.indptr, items.rows[items.weights < 0]
        return len(items.rows) + int((indptr[penalising + 1] - indptr[penalising]).sum())

    def score_item(
        self, row: int, candidates: Rows, k: int, excluded: frozenset[int] = frozenset()
    ) -> Neighbours:
        """`score_queries` for one item."""
        return self.score_query(self.item_query(row), candidates, k, excluded)

    def score_query(
        self,
        items: WeightedItems,
        candidates: Rows,
        k: int,
        excluded: frozenset[int] = frozenset(),
        eligible: RowMask | None = None,
    ) -> Neighbours:
        """`score_queries` for one query."""
        return self.score_queries([items], [candidates], k, [excluded], eligible)[0]

    def score_queries(
        self,
        queries: Sequence[WeightedItems],
        candidates: Sequence[Rows],
        k: int,
        excluded: Sequence[frozenset[int]] = (),
        eligible: RowMask | None = None,
    ) -> list[Neighbours]:
        """The best `k` of each query, among its candidates, its items' co-visits, the trend (where that
        counts) and, if they may repeat, its items.

        Never an excluded row, nor one that is not eligible. An item outside all the lists can only be in the
        best k if it is in the best k by near: with the best k + extra_candidates(items) + len(excluded) of
        those as candidates the result equals that of scoring every item.
        Ties go to the lower row. A batch of queries costs a fraction of one call for each.
        """
        n = len(self.vectors)
        covisit_cells, contributions = self._contributions(queries)
        own_cells = _encode_cells([items.rows for items in queries], n)
        cells = _distinct(np.concatenate((_encode_cells(candidates, n), covisit_cells, own_cells)))
        numbers, rows = _decode_cells(cells, n, len(queries))
        scores = self._near(queries, numbers, rows)
        np.add.at(scores, cells.searchsorted(covisit_cells), contributions)
        scores[cells.searchsorted(own_cells)] += np.concatenate([_repeat_bonus(items) for items in queries])
        _remove_excluded(scores, cells, excluded, n)
        if eligible is not None:
            scores[~eligible.mask[rows]] = _REMOVED
        return _best_of_each(scores, numbers, rows, len(queries), k)

    def _near(self, queries: Sequence[WeightedItems], numbers: Rows, rows: Rows) -> Floats:
        """near of every cell.

        Unlike a blocked matrix product, einsum sums each row by itself: a score is the same for a query alone
        as in a batch, and does not depend on what else is scored.
        """
        vectors = self.vectors.take(rows, axis=0)
        if len(queries) == 1:
            products = dot_rows(vectors, self.query_vector(queries[0]))
        else:
            of_queries = np.stack([self.query_vector(items) for items in queries])
            products = np.asarray(np.einsum("ij,ij->i", vectors, of_queries.take(numbers, axis=0)))
        return products * self.boosts.take(rows)

    def _contributions(self, queries: Sequence[WeightedItems]) -> tuple[Rows, Floats]:
        """The cells of each query's co-visits and trend, with repeats, and what each adds to a score."""
        n = len(self.vectors)
        sizes = [len(items.rows) for items in queries]
        item, rows, strengths = self.covisits.neighbours_of_rows(
            np.concatenate([items.rows for items in queries])
        )
        number = np.repeat(np.arange(len(queries)), sizes)[item]
        weights = np.concatenate([items.weights for items in queries])
        covisit_weights = np.array([items.covisit_weight for items in queries], np.float32)
        cells: list[Rows] = [number * n + rows]
        added = [np.asarray(covisit_weights[number] * (weights[item] * strengths), np.float32)]
        for number_of_query, items in enumerate(queries):
            if items.trend:
                cells.append(number_of_query * n + self.trend.rows)
                added.append(np.asarray(np.float32(items.trend) * self.trend.weights, np.float32))
        return np.concatenate(cells), np.concatenate(added)


def dot_rows(vectors: Floats, query: Floats) -> Floats:
    """The inner product of each row of `vectors` (m × d) with `query` (d), each summed by itself."""
    return np.asarray(np.einsum("ij,j->i", vectors, query))


# A cell is a pair of a query's number in the batch and a row, as the integer number · n + row. Ascending
# cells are ordered by query, then by row, so that one sorted array and one search serve the whole batch.


def _encode_cells(rows_of_queries: Sequence[Rows], n: int) -> Rows:
    return np.concatenate([number * n + rows for number, rows in enumerate(rows_of_queries)])


def _decode_cells(cells: Rows, n: int, n_queries: int) -> tuple[Rows, Rows]:
    """The query's number and the row of every cell."""
    return np.divmod(cells, n) if n_queries > 1 else (np.zeros_like(cells), cells)


def _remove_excluded(scores: Floats, cells: Rows, excluded: Sequence[frozenset[int]], n: int) -> None:
    for number, rows in enumerate(excluded):
        if rows:
            scores[np.isin(cells, [number * n + row for row in rows if row < n])] = _REMOVED


def _best_of_each(scores: Floats, numbers: Rows, rows: Rows, n_queries: int, k: int) -> list[Neighbours]:
    """At most k rows of each query, best first, with scores in half precision; cells ascend."""
    order = np.lexsort((-scores, numbers)) if n_queries > 1 else (-scores).argsort(kind="stable")
    bounds = numbers.searchsorted(np.arange(n_queries + 1)).tolist()
    served = half_precision(scores)
    best = [order[start : min(start + k, end)] for start, end in pairwise(bounds)]
    best = [positions[scores[positions] > _REMOVED] for positions in best]
    return [Neighbours(rows[positions], served[positions]) for positions in best]


def _repeat_bonus(items: WeightedItems) -> Floats:
    """What an item of the query adds to its own score."""
    if items.repeat is None:
        return np.full(len(items.rows), _REMOVED)
    return np.float32(items.repeat) * items.weights


def _distinct(cells: Rows) -> Rows:
    """Ascending, each once; `np.unique` takes twice as long for the hundred cells of an answer."""
    cells = np.sort(cells)
    first = np.empty(len(cells), bool)
    first[:1] = True
    np.not_equal(cells[1:], cells[:-1], out=first[1:])
    return cells[first]


def history_query(rows: Rows, how: HistoryWeights) -> WeightedItems:
    """A visitor's items, oldest first, as a query."""
    newest_first = rows[::-1]
    _, first = np.unique(newest_first, return_index=True)
    distinct = newest_first[np.sort(first)][:MAX_HISTORY]
    weights = ((1 + np.arange(len(distinct))) ** -float(how.decay)).astype(np.float32)
    return WeightedItems(distinct, weights, how.covisit_weight, how.repeat, how.trend)
