"""The one scoring function: precomputed lists and live answers both come from `Scorer.score_queries`.

A query is a set of items with weights; one item is a set of one. With q = Σ w_a V_a (unit vectors),

    score(j) = (q · V_j) · tilt_j + weight · Σ w_a R_aj + trend · T_j + repeat · w_j

where tilt_j grows slowly with j's popularity, R_aj in [0, 1] is the co-visit weight, T_j in [0, 1] says how
often everybody meets j lately (for visitors only: what is like an item does not depend on the season), and
the last term is for queries whose own items may come again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from hybrid_recs.generation.covisits import CoVisits
from hybrid_recs.generation.row_mask import RowMask
from hybrid_recs.generation.trend import Trending
from hybrid_recs.types import Floats, HistoryWeights, Neighbours, Rows, half_precision

# Of a longer history only the latest are scored: the weights of the rest are small.
MAX_HISTORY = 50


@dataclass(frozen=True, slots=True)
class WeightedItems:
    """Distinct rows with a weight each, and how co-visits and the trend count in this kind of query.

    repeat: what the items' own weights are multiplied by in their score; None: they never come again.
    vector: added to the items' own (d); how what has no row takes part in a query.
    """

    rows: Rows
    weights: Floats
    covisit_weight: float
    repeat: float | None = None
    trend: float = 0.0
    vector: Floats | None = None


@dataclass(frozen=True, slots=True)
class Scorer:
    """What the score is made of: unit vectors (n × d), tilt (n), co-visits of n rows, their weight, and
    what is met lately."""

    vectors: Floats
    tilt: Floats
    covisits: CoVisits
    weight: float
    trending: Trending = field(default_factory=Trending.nothing)

    def one(self, row: int) -> WeightedItems:
        """The query for items like one item."""
        return WeightedItems(np.array([row], np.int64), np.ones(1, np.float32), self.weight)

    def query(self, items: WeightedItems) -> Floats:
        """The vector (d) that a query searches the index with."""
        if len(items.rows) == 1:
            query = np.asarray(items.weights[0] * self.vectors[items.rows[0]])
        else:
            query = np.einsum("i,ij->j", items.weights, self.vectors[items.rows])
        return query if items.vector is None else query + items.vector

    def extra_candidates(self, items: WeightedItems) -> int:
        """How many more candidates than k `score_queries` needs for a query, exclusions aside."""
        indptr, pushing_back = self.covisits.indptr, items.rows[items.weights < 0]
        return len(items.rows) + int((indptr[pushing_back + 1] - indptr[pushing_back]).sum())

    def score_item(
        self, row: int, candidates: Rows, k: int, excluded: frozenset[int] = frozenset()
    ) -> Neighbours:
        """`score_queries` for one item."""
        return self.score_query(self.one(row), candidates, k, excluded)

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
        sets: Sequence[WeightedItems],
        candidates: Sequence[Rows],
        k: int,
        excluded: Sequence[frozenset[int]] = (),
        eligible: RowMask | None = None,
    ) -> list[Neighbours]:
        """For each query the best `k` of its candidates, its items' co-visits, what is trending (where that
        counts) and, if they may repeat, the items themselves.

        Never an excluded row, nor one that is not eligible. An item outside all the lists can only be in the
        best k if it is in the best k by q · V · tilt: with the best k + spare(items) + len(excluded) of those
        as candidates the result equals that of scoring every item.
        Ties go to the lower row. Many queries at once cost a fraction of one after the other.
        """
        n = len(self.vectors)
        linked, added = self._covisit_scores(sets)
        own = np.concatenate([at * n + items.rows for at, items in enumerate(sets)])
        # Cells are (query, row) as one number; ascending, so that rows are where a search finds them.
        near = np.concatenate([at * n + rows for at, rows in enumerate(candidates)])
        cells = _distinct(np.concatenate((near, linked, own)))
        query, rows = np.divmod(cells, n) if len(sets) > 1 else (np.zeros_like(cells), cells)
        scores = self._near(sets, query, rows) * self.tilt.take(rows)
        np.add.at(scores, cells.searchsorted(linked), added)
        scores[cells.searchsorted(own)] += np.concatenate([_repeat_bonus(items) for items in sets])
        for at, out in enumerate(excluded):
            if out:
                scores[np.isin(cells, [at * n + row for row in out if row < n])] = -np.inf
        if eligible is not None:
            scores[~eligible.mask[rows]] = -np.inf
        shown = half_precision(scores)
        order = np.lexsort((-scores, query)) if len(sets) > 1 else (-scores).argsort(kind="stable")
        bounds = query.searchsorted(np.arange(len(sets) + 1)).tolist()
        best = [order[start : min(start + k, end)] for start, end in pairwise(bounds)]
        best = [some[scores[some] > -np.inf] for some in best]
        return [Neighbours(rows[some], shown[some]) for some in best]

    def _near(self, sets: Sequence[WeightedItems], query: Rows, rows: Rows) -> Floats:
        """q · V of every cell.

        einsum sums each row by itself, the same for one query as for many: a score does not depend on what
        else is scored, as it would in a blocked matrix product.
        """
        vectors = self.vectors.take(rows, axis=0)
        if len(sets) == 1:
            return np.asarray(np.einsum("ij,j->i", vectors, self.query(sets[0])))
        queries = np.stack([self.query(items) for items in sets])
        return np.asarray(np.einsum("ij,ij->i", vectors, queries.take(query, axis=0)))

    def _covisit_scores(self, sets: Sequence[WeightedItems]) -> tuple[Rows, Floats]:
        """Cells of what the items of each query are co-visited with and of what is trending, with repeats,
        and what each adds to a score."""
        n = len(self.vectors)
        sizes = [len(items.rows) for items in sets]
        item, rows, strengths = self.covisits.neighbours_of_rows(
            np.concatenate([items.rows for items in sets])
        )
        query = np.repeat(np.arange(len(sets)), sizes)[item]
        weights = np.concatenate([items.weights for items in sets])
        covisit_weights = np.array([items.covisit_weight for items in sets], np.float32)
        cells: list[Rows] = [query * n + rows]
        added = [np.asarray(covisit_weights[query] * (weights[item] * strengths), np.float32)]
        for at, items in enumerate(sets):
            if items.trend:
                cells.append(at * n + self.trending.rows)
                added.append(np.asarray(np.float32(items.trend) * self.trending.weights, np.float32))
        return np.concatenate(cells), np.concatenate(added)


def _repeat_bonus(items: WeightedItems) -> Floats:
    """What an item's being in the query adds to its own score."""
    if items.repeat is None:
        return np.full(len(items.rows), -np.inf, np.float32)
    return np.float32(items.repeat) * items.weights


def _distinct(rows: Rows) -> Rows:
    """Ascending, each once; `np.unique` takes twice as long for the hundred rows of an answer."""
    rows = np.sort(rows)
    first = np.empty(len(rows), bool)
    first[:1] = True
    np.not_equal(rows[1:], rows[:-1], out=first[1:])
    return rows[first]


def history(rows: Rows, how: HistoryWeights) -> WeightedItems:
    """A visitor's items, oldest first, as a query."""
    newest_first = rows[::-1]
    _, first = np.unique(newest_first, return_index=True)
    distinct = newest_first[np.sort(first)][:MAX_HISTORY]
    weights = ((1 + np.arange(len(distinct))) ** -float(how.decay)).astype(np.float32)
    return WeightedItems(distinct, weights, how.covisit_weight, how.repeat, how.trend)
