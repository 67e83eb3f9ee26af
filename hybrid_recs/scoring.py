"""The one scoring function: precomputed lists and live answers both come from `Scorer.rank_set`.

A query is a set of items with weights; one item is a set of one. With q = Σ w_a V_a (unit vectors),

    score(j) = (q · V_j) · tilt_j + weight · Σ w_a R_aj + repeat · w_j

where tilt_j grows slowly with j's popularity, R_aj in [0, 1] is the co-visit weight, and the last term is
for queries whose own items may come again.
"""

from dataclasses import dataclass

import numpy as np

from hybrid_recs.covisits import CoVisits
from hybrid_recs.types import Floats, Neighbours, Rows

# Of a longer history only the latest are scored: the weights of the rest are small.
LONGEST_HISTORY = 50


@dataclass(frozen=True, slots=True)
class ItemSet:
    """Distinct rows with a weight each, and how co-visits count in this kind of query.

    repeat: what the items' own weights are multiplied by in their score; None: they never come again.
    """

    rows: Rows
    weights: Floats
    covisit_weight: float
    repeat: float | None = None


@dataclass(frozen=True, slots=True)
class Scorer:
    """What the score is made of: unit vectors (n × d), tilt (n), co-visits of n rows, their weight."""

    vectors: Floats
    tilt: Floats
    covisits: CoVisits
    weight: float

    def one(self, row: int) -> ItemSet:
        """The query for items like one item."""
        return ItemSet(np.array([row], np.int64), np.ones(1, np.float32), self.weight)

    def query(self, items: ItemSet) -> Floats:
        """The vector (d) that a query searches the index with."""
        query: Floats = np.einsum("i,ij->j", items.weights, self.vectors[items.rows])
        return query

    def rank(self, row: int, candidates: Rows, k: int, excluded: frozenset[int] = frozenset()) -> Neighbours:
        """`rank_set` for one item."""
        return self.rank_set(self.one(row), candidates, k, excluded)

    def rank_set(
        self, items: ItemSet, candidates: Rows, k: int, excluded: frozenset[int] = frozenset()
    ) -> Neighbours:
        """The best `k` of `candidates`, the items' co-visits and, if they may repeat, the items themselves.

        Never an excluded row. Co-visit weights are never negative, so an item outside all the co-visit
        lists can only be in the best k if it is in the best k by q · V · tilt: with the best
        k + len(items) + len(excluded) of those as candidates the result equals that of scoring every item.
        Ties go to the lower row.
        """
        linked, strengths = self._linked(items)
        rows = np.unique(np.concatenate((candidates, linked, items.rows)))
        # einsum sums each row by itself: a score does not depend on what else is scored, as it would
        # in a blocked matrix product.
        scores = np.einsum("ij,j->i", self.vectors[rows], self.query(items)) * self.tilt[rows]
        np.add.at(scores, np.searchsorted(rows, linked), np.float32(items.covisit_weight) * strengths)
        own = np.searchsorted(rows, items.rows)
        keep = np.ones(len(rows), bool)
        if items.repeat is None:
            keep[own] = False
        else:
            scores[own] += np.float32(items.repeat) * items.weights
        if excluded:
            keep &= ~np.isin(rows, np.fromiter(excluded, np.int64, len(excluded)))
        rows, scores = rows[keep], scores[keep]
        best = np.argsort(-scores, kind="stable")[:k]
        # Half precision, as in a packed list, so that a live answer cannot be told from a cached one.
        return Neighbours(rows[best], scores[best].astype(np.float16).astype(np.float32))

    def _linked(self, items: ItemSet) -> tuple[Rows, Floats]:
        """Co-visited rows of all the items, with repeats, and their weights times the item's."""
        lists = [self.covisits.of(int(row)) for row in items.rows]
        rows = np.concatenate([linked for linked, _ in lists])
        weights = [weight * strengths for weight, (_, strengths) in zip(items.weights, lists, strict=True)]
        return rows, np.concatenate(weights)


def history(rows: Rows, decay: float, covisit_weight: float, repeat: float | None) -> ItemSet:
    """A visitor's items, oldest first: the a-th most recent distinct one weighs (1 + a)^-decay."""
    newest_first = rows[::-1]
    _, first = np.unique(newest_first, return_index=True)
    distinct = newest_first[np.sort(first)][:LONGEST_HISTORY]
    weights = (1 + np.arange(len(distinct))) ** -decay
    return ItemSet(distinct, weights.astype(np.float32), covisit_weight, repeat)
