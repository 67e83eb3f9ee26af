"""Finds the best items for a query: by search and scoring, by popularity where that has no more to give."""

from dataclasses import dataclass

import numpy as np

from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.row_mask import RowMask
from hybrid_recs.generation.scoring import WeightedItems, dot_rows
from hybrid_recs.ranking.item_pool import ItemPool
from hybrid_recs.types import Floats, Neighbours, half_precision

# Of so few eligible items every one is scored: cheaper than a search that has to look past all others.
_FEW = 2_000
_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class CandidateRanking:
    """Over one generation and what came since. `eligible` narrows what may come; None: all but the hidden."""

    generation: Generation
    items: ItemPool

    def best(
        self, items: WeightedItems, k: int, excluded: frozenset[int] = _NONE, eligible: RowMask | None = None
    ) -> Neighbours:
        """The best k by score of the items that have a vector."""
        scorer, eligible = self.generation.scorer, eligible or self.items.eligible
        query = scorer.query_vector(items)
        if eligible is not None and eligible.count <= _FEW:
            candidates = eligible.rows[eligible.rows < len(scorer.vectors)]
        else:
            candidates = self.generation.index.search(
                query, k + scorer.extra_candidates(items), excluded, eligible
            )
        found = scorer.score_query(items, candidates, k, excluded, eligible)
        return self.with_new(found, query, k, excluded, eligible)

    def best_of_rows(self, rows: list[int], k: int) -> list[Neighbours]:
        """`best` for several single rows of the generation at once."""
        index, scorer, eligible = self.generation.index, self.generation.scorer, self.items.eligible
        queries = scorer.vectors[rows]
        candidates = index.search_many(queries, k + 1, eligible=eligible)
        found = scorer.score_queries(
            [scorer.item_query(row) for row in rows], candidates, k, eligible=eligible
        )
        return [self.with_new(one, query, k) for one, query in zip(found, queries, strict=True)]

    def with_new(
        self,
        found: Neighbours,
        query: Floats,
        k: int,
        excluded: frozenset[int] = _NONE,
        eligible: RowMask | None = None,
    ) -> Neighbours:
        """The best k of a list and of the new items; the list goes first where scores are the same.

        A new item has no popularity and no co-visits, so its score is `Scorer`'s first term with a boost of
        1.
        """
        if not self.items.overlay.new.ids:
            return found
        eligible, rows = eligible or self.items.eligible, self.items.new_rows()
        rows = rows if eligible is None else eligible.of(rows)
        scores = dot_rows(self.items.vectors(rows), query)
        new = Neighbours(rows, half_precision(scores)).without(excluded)
        both = np.concatenate((found.scores, new.scores))
        order = (-both).argsort(kind="stable")[:k]
        return Neighbours(np.concatenate((found.rows, new.rows))[order], both[order])

    def popular(
        self, k: int, excluded: frozenset[int] = _NONE, eligible: RowMask | None = None
    ) -> Neighbours:
        """The most popular k. Not `Scorer`'s score: popularity over that of the most popular item."""
        catalogue = self.generation.catalogue
        rows = catalogue.popular(k, excluded, eligible or self.items.eligible)
        top = max(float(catalogue.popularity[catalogue.by_popularity[0]]), 1.0)
        return Neighbours(rows, half_precision(catalogue.popularity[rows] / top))

    def filled(
        self,
        found: Neighbours,
        k: int,
        excluded: frozenset[int] = _NONE,
        eligible: RowMask | None = None,
    ) -> Neighbours:
        """Popular items behind a list that came out short of k because the index holds no more."""
        short = k - len(found)
        if short <= 0:
            return found
        more = self.popular(short, excluded | frozenset(found.rows.tolist()), eligible).rows
        floor = min(0.0, float(found.scores[-1])) if len(found) else 0.0
        scores = np.full(len(more), floor, np.float32)
        return Neighbours(np.concatenate((found.rows, more)), np.concatenate((found.scores, scores)))
