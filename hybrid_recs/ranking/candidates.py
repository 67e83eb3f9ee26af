"""Finds the best items for a query: by search and scoring, and by popularity where that finds too few."""

from dataclasses import dataclass

import numpy as np

from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.row_mask import RowMask
from hybrid_recs.generation.scoring import WeightedItems, dot_rows
from hybrid_recs.ranking.item_pool import ItemPool
from hybrid_recs.types import Floats, Neighbours, half_precision

# Up to this many eligible items all are scored: cheaper than a search that has to look past all others.
_MAX_SCORED_WITHOUT_SEARCH = 2_000
_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class CandidateRanking:
    """Over one generation and its overlay. `eligible`: rows that may be recommended; None: all but the
    hidden."""

    generation: Generation
    items: ItemPool

    def rank(
        self, items: WeightedItems, k: int, excluded: frozenset[int] = _NONE, eligible: RowMask | None = None
    ) -> Neighbours:
        """The best k by score, of the items that have a vector."""
        scorer, eligible = self.generation.scorer, eligible or self.items.eligible
        query = scorer.query_vector(items)
        if eligible is not None and eligible.count <= _MAX_SCORED_WITHOUT_SEARCH:
            candidates = eligible.rows[eligible.rows < len(scorer.vectors)]
        else:
            candidates = self.generation.index.search(
                query, k + scorer.extra_candidates(items), excluded, eligible
            )
        best = scorer.score_query(items, candidates, k, excluded, eligible)
        return self.merge_new_items(best, query, k, excluded, eligible)

    def rank_items(self, rows: list[int], k: int) -> list[Neighbours]:
        """`rank` for several single rows of the generation, in one search."""
        index, scorer, eligible = self.generation.index, self.generation.scorer, self.items.eligible
        vectors = scorer.vectors[rows]
        candidates = index.search_many(vectors, k + 1, eligible=eligible)
        queries = [scorer.item_query(row) for row in rows]
        lists = scorer.score_queries(queries, candidates, k, eligible=eligible)
        return [self.merge_new_items(best, query, k) for best, query in zip(lists, vectors, strict=True)]

    def merge_new_items(
        self,
        best: Neighbours,
        query: Floats,
        k: int,
        excluded: frozenset[int] = _NONE,
        eligible: RowMask | None = None,
    ) -> Neighbours:
        """The best k of a list and of the overlay's items; the list goes first where scores are equal.

        A new item has no popularity and no co-visits, so its score is `Scorer`'s first term with a boost of
        1.
        """
        if not self.items.overlay.new.ids:
            return best
        eligible, rows = eligible or self.items.eligible, self.items.new_rows()
        rows = rows if eligible is None else eligible.eligible_among(rows)
        scores = dot_rows(self.items.vectors(rows), query)
        new = Neighbours(rows, half_precision(scores)).without(excluded)
        merged = np.concatenate((best.scores, new.scores))
        order = (-merged).argsort(kind="stable")[:k]
        return Neighbours(np.concatenate((best.rows, new.rows))[order], merged[order])

    def popular(
        self, k: int, excluded: frozenset[int] = _NONE, eligible: RowMask | None = None
    ) -> Neighbours:
        """The most popular k. Not `Scorer`'s score: popularity over that of the most popular item."""
        catalogue = self.generation.catalogue
        rows = catalogue.popular(k, excluded, eligible or self.items.eligible)
        top = max(float(catalogue.popularity[catalogue.by_popularity[0]]), 1.0)
        return Neighbours(rows, half_precision(catalogue.popularity[rows] / top))

    def fill_with_popular(
        self,
        best: Neighbours,
        k: int,
        excluded: frozenset[int] = _NONE,
        eligible: RowMask | None = None,
    ) -> Neighbours:
        """A list that is shorter than k because the index holds no more, completed with popular items."""
        missing = k - len(best)
        if missing <= 0:
            return best
        popular = self.popular(missing, excluded | frozenset(best.rows.tolist()), eligible).rows
        floor = min(0.0, float(best.scores[-1])) if len(best) else 0.0
        scores = np.full(len(popular), floor, np.float32)
        return Neighbours(np.concatenate((best.rows, popular)), np.concatenate((best.scores, scores)))
