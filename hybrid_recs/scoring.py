"""The one scoring function: precomputed lists and live answers both come from `Scorer.rank_set`.

A query is a set of items with weights; one item is a set of one. With q = Σ w_a V_a (unit vectors),

    score(j) = (q · V_j) · tilt_j + weight · Σ w_a R_aj + trend · T_j + repeat · w_j

where tilt_j grows slowly with j's popularity, R_aj in [0, 1] is the co-visit weight, T_j in [0, 1] says how
often everybody meets j lately (for visitors only: what is like an item does not depend on the season), and
the last term is for queries whose own items may come again.
"""

from dataclasses import dataclass, field

import numpy as np

from hybrid_recs.covisits import CoVisits
from hybrid_recs.trending import Trending
from hybrid_recs.types import Floats, HistoryWeights, Neighbours, Rows

# Of a longer history only the latest are scored: the weights of the rest are small.
LONGEST_HISTORY = 50


@dataclass(frozen=True, slots=True)
class ItemSet:
    """Distinct rows with a weight each, and how co-visits and the trend count in this kind of query.

    repeat: what the items' own weights are multiplied by in their score; None: they never come again.
    """

    rows: Rows
    weights: Floats
    covisit_weight: float
    repeat: float | None = None
    trend: float = 0.0


@dataclass(frozen=True, slots=True)
class Scorer:
    """What the score is made of: unit vectors (n × d), tilt (n), co-visits of n rows, their weight, and
    what is met lately."""

    vectors: Floats
    tilt: Floats
    covisits: CoVisits
    weight: float
    trending: Trending = field(default_factory=Trending.nothing)

    def one(self, row: int) -> ItemSet:
        """The query for items like one item."""
        return ItemSet(np.array([row], np.int64), np.ones(1, np.float32), self.weight)

    def query(self, items: ItemSet) -> Floats:
        """The vector (d) that a query searches the index with."""
        if len(items.rows) == 1:
            return np.asarray(items.weights[0] * self.vectors[items.rows[0]])
        query: Floats = np.einsum("i,ij->j", items.weights, self.vectors[items.rows])
        return query

    def rank(self, row: int, candidates: Rows, k: int, excluded: frozenset[int] = frozenset()) -> Neighbours:
        """`rank_set` for one item."""
        return self.rank_set(self.one(row), candidates, k, excluded)

    def rank_set(
        self, items: ItemSet, candidates: Rows, k: int, excluded: frozenset[int] = frozenset()
    ) -> Neighbours:
        """The best `k` of `candidates`, the items' co-visits, what is trending (where that counts) and, if
        they may repeat, the items themselves.

        Never an excluded row. Co-visit and trend weights are never negative, so an item outside all the
        lists can only be in the best k if it is in the best k by q · V · tilt: with the best
        k + len(items) + len(excluded) of those as candidates the result equals that of scoring every item.
        Ties go to the lower row.
        """
        linked, strengths = self._linked(items)
        rows = _distinct(np.concatenate((candidates, linked, items.rows)))
        # einsum sums each row by itself: a score does not depend on what else is scored, as it would
        # in a blocked matrix product.
        scores = np.einsum("ij,j->i", self.vectors.take(rows, axis=0), self.query(items))
        scores *= self.tilt.take(rows)
        np.add.at(scores, rows.searchsorted(linked), strengths)
        own = rows.searchsorted(items.rows)
        if items.repeat is None:
            scores[own] = -np.inf
        else:
            scores[own] += np.float32(items.repeat) * items.weights
        if excluded:
            scores[np.isin(rows, np.fromiter(excluded, np.int64, len(excluded)))] = -np.inf
        best = (-scores).argsort(kind="stable")[:k]
        best = best[scores[best] > -np.inf]
        # Half precision, as in a packed list, so that a live answer cannot be told from a cached one.
        return Neighbours(rows[best], scores[best].astype(np.float16).astype(np.float32))

    def _linked(self, items: ItemSet) -> tuple[Rows, Floats]:
        """Co-visited rows of all the items and trending ones, with repeats, and what each adds to a score."""
        if len(items.rows) == 1 and not items.trend:
            linked, strengths = self.covisits.of(int(items.rows[0]))
            return linked, np.float32(items.covisit_weight) * (items.weights[0] * strengths)
        lists = [self.covisits.of(int(row)) for row in items.rows]
        parts = [
            np.float32(items.covisit_weight) * (weight * strengths)
            for weight, (_, strengths) in zip(items.weights, lists, strict=True)
        ]
        rows = [linked for linked, _ in lists]
        if items.trend:
            rows.append(self.trending.rows)
            parts.append(np.float32(items.trend) * self.trending.weights)
        return np.concatenate(rows), np.concatenate(parts)


def _distinct(rows: Rows) -> Rows:
    """Ascending, each once; `np.unique` takes twice as long for the hundred rows of an answer."""
    rows = np.sort(rows)
    first = np.empty(len(rows), bool)
    first[:1] = True
    np.not_equal(rows[1:], rows[:-1], out=first[1:])
    return rows[first]


def history(rows: Rows, how: HistoryWeights) -> ItemSet:
    """A visitor's items, oldest first, as a query."""
    newest_first = rows[::-1]
    _, first = np.unique(newest_first, return_index=True)
    distinct = newest_first[np.sort(first)][:LONGEST_HISTORY]
    weights = ((1 + np.arange(len(distinct))) ** -float(how.decay)).astype(np.float32)
    return ItemSet(distinct, weights, how.covisit_weight, how.repeat, how.trend)
