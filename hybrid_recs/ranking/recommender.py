"""The fallback chain: cache → live → content → popular. Decides from one generation, its overlay and what the
cache had; does no I/O."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from hybrid_recs.generation.category_index import CategoryFilter
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.neighbour_codec import decode_neighbours
from hybrid_recs.generation.scoring import WeightedItems, history_query
from hybrid_recs.items.overlay import Overlay
from hybrid_recs.ranking.candidates import CandidateRanking
from hybrid_recs.ranking.item_pool import ItemPool
from hybrid_recs.ranking.mmr import mmr_rerank
from hybrid_recs.types import Answer, Floats, HistoryWeights, Neighbours, Outcome, Rows, Source

# For a diverse list the k items are chosen from a pool of this size.
_POOL_PER_PLACE, _MIN_POOL = 4, 20


_HIT = Outcome.HIT  # Python 3.11 looks a member up by a call of its own


@dataclass(frozen=True, slots=True)
class ItemQuery:
    """Items similar to one: the row of a known item (None: unknown), how many, and the excluded rows."""

    row: int | None
    k: int
    excluded: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ResolvedQuery:
    """A query of any kind, resolved: a weighted set of items, or a vector, or both, minus exclusions, under
    filters. An empty query is answered with popular items.

    source, outcome: of the answer; popular_outcome: of the answer to an empty query.
    """

    items: WeightedItems
    k: int
    excluded: frozenset[int] = frozenset()
    categories: CategoryFilter = field(default_factory=CategoryFilter)
    diversity: float = 0.0
    max_per_category: int | None = None
    source: Source = Source.LIVE
    outcome: Outcome = Outcome.COMPOSED
    popular_outcome: Outcome = Outcome.NOTHING_KNOWN

    @property
    def is_empty(self) -> bool:
        return not len(self.items.rows) and self.items.vector is None


@dataclass(frozen=True, slots=True)
class SearchNeeded:
    """No tier above search can answer: why not, and the source of the answer that search gives."""

    outcome: Outcome
    source: Source = Source.LIVE


class Recommender:
    """Answers queries from one generation and its overlay."""

    def __init__(self, generation: Generation, overlay: Overlay | None = None) -> None:
        self.generation = generation
        self.items = ItemPool(generation, overlay or Overlay())
        self._ranking = CandidateRanking(generation, self.items)

    def is_hot(self, row: int) -> bool:
        """Whether a neighbour list was precomputed for the row."""
        return row in self.generation.hot

    def decode(self, encoded: bytes | None) -> Neighbours | Outcome:
        """A cached value as a list; a value that is not a list of this catalogue counts as missing."""
        neighbours = decode_neighbours(encoded) if encoded else None
        if neighbours is None:
            return Outcome.LIST_MISSING
        # `reduce` is what `max` calls, without a detour through Python.
        beyond = len(neighbours) and np.maximum.reduce(neighbours.rows) >= len(self.generation.catalogue)
        return Outcome.LIST_MISSING if beyond else neighbours

    def answer(self, query: ItemQuery, cached: Neighbours | Outcome) -> Answer:
        """The answer to `query`, given what the cache had: a list, or why there is none.

        k items while there are as many, best first; never the item itself, an excluded or a hidden one, and
        no item twice.
        """
        answer = self.answer_without_search(query, cached)
        if isinstance(answer, SearchNeeded):
            return Answer(answer.source, answer.outcome, self.live_neighbours(query))
        return answer

    def answer_without_search(self, query: ItemQuery, cached: Neighbours | Outcome) -> Answer | SearchNeeded:
        """`answer`, for callers that do the search themselves: the answer is then `live_neighbours`."""
        if query.row is None:
            return Answer(Source.POPULAR, Outcome.UNKNOWN_ITEM, self.popular(query))
        if not self.has_vector(query.row):
            return Answer(Source.POPULAR, Outcome.NO_VECTOR, self.popular(query))
        if not self.generation.has_interactions(query.row):
            return SearchNeeded(Outcome.NO_INTERACTIONS, Source.CONTENT)
        if isinstance(cached, Outcome):
            return SearchNeeded(cached)
        eligible = cached.without(query.excluded)
        if self.items.eligible is not None:
            eligible = eligible.masked(self.items.eligible.mask[eligible.rows])
        if len(eligible) < query.k and not self._is_complete(cached):
            return SearchNeeded(Outcome.LIST_TOO_SHORT)
        vector = self.items.vector(query.row)
        best = self._ranking.merge_new_items(eligible.head(query.k), vector, query.k, query.excluded)
        return Answer(Source.CACHE, _HIT, self._filled(query, best))

    def has_vector(self, row: int) -> bool:
        """Whether the row, of the generation or the overlay, has a vector."""
        if self.items.is_new(row):
            return bool(self.items.vector(row).any())
        return self.generation.has_vector(row)

    def live_neighbours(self, query: ItemQuery) -> Neighbours:
        """The beginning of a precomputed list, by search."""
        return self._filled(query, self.neighbour_list(query))

    def live_neighbours_batch(self, queries: Sequence[ItemQuery]) -> list[Neighbours]:
        """`live_neighbours` for queries with one k and no exclusions, in one search for a fraction of the
        work."""
        rows = [query.row for query in queries if query.row is not None]
        assert len(rows) == len(queries)
        if any(map(self.items.is_new, rows)):
            return [self.live_neighbours(query) for query in queries]
        lists = self.neighbour_lists(rows, queries[0].k)
        return [self._filled(query, neighbours) for query, neighbours in zip(queries, lists, strict=True)]

    def neighbour_list(self, query: ItemQuery) -> Neighbours:
        """What a precomputed list holds, by search: fewer than k where fewer items have a vector."""
        assert query.row is not None
        if self.items.is_new(query.row):
            excluded = query.excluded | {query.row}
            items = self.weighted_items((), (), self.items.vector(query.row))
        else:
            excluded, items = query.excluded, self.generation.scorer.item_query(query.row)
        return self._ranking.rank(items, query.k, excluded)

    def neighbour_lists(self, rows: Sequence[int], k: int) -> list[Neighbours]:
        """`neighbour_list` for several rows of the generation."""
        return self._ranking.rank_items(list(rows), k)

    def popular(self, query: ItemQuery) -> Neighbours:
        """The last tier: scores are popularity over that of the most popular item."""
        return self._ranking.popular(query.k, _excluded_with_item(query))

    def _filled(self, query: ItemQuery, best: Neighbours) -> Neighbours:
        return self._ranking.fill_with_popular(best, query.k, _excluded_with_item(query))

    def _is_complete(self, neighbours: Neighbours) -> bool:
        """Whether a list holds every other item that has a vector, so that search has nothing to add."""
        return len(neighbours) >= self.generation.manifest.vectors - 1

    def weighted_items(
        self, rows: Sequence[int], weights: Sequence[float], vector: Floats | None = None
    ) -> WeightedItems:
        """A weighted set of distinct rows of the generation, none of which is recommended, and a vector."""
        weight = self.generation.manifest.scoring.covisit_weight
        return WeightedItems(np.array(rows, np.int64), np.array(weights, np.float32), weight, vector=vector)

    def answer_session(self, rows: Rows, k: int, excluded: frozenset[int] = frozenset()) -> Answer:
        """The next items of a session; `rows` oldest first. Items of the session may be recommended again
        where the visitors of this data return to items."""
        weights = self.generation.manifest.scoring.of_session
        return self.answer_query(self.history_query(rows, k, excluded, weights))

    def answer_user(self, rows: Rows, k: int, excluded: frozenset[int] = frozenset()) -> Answer:
        """Further items for a user; `rows` is the history, oldest first, none of which is recommended
        again."""
        weights = self.generation.manifest.scoring.of_user
        return self.answer_query(self.history_query(rows, k, excluded, weights))

    def history_query(
        self, rows: Rows, k: int, excluded: frozenset[int], weights: HistoryWeights
    ) -> ResolvedQuery:
        """A visitor's rows, oldest first, as a query; new items take part by their vectors."""
        if weights.repeat is None:
            excluded |= frozenset(rows.tolist())
        with_vector = [row for row in rows.tolist() if self.has_vector(row)]
        items = history_query(np.array(with_vector, np.int64), weights)
        old = items.rows < self.generation.manifest.vectors
        vector = None if old.all() else items.weights[~old] @ self.items.vectors(items.rows[~old])
        of_generation = WeightedItems(
            items.rows[old], items.weights[old], items.covisit_weight, items.repeat, items.trend, vector
        )
        learned = bool((of_generation.rows < self.generation.manifest.learned).any())
        return ResolvedQuery(
            of_generation,
            k,
            excluded,
            source=Source.LIVE if learned else Source.CONTENT,
            outcome=Outcome.COMPOSED if learned else Outcome.NO_INTERACTIONS,
            popular_outcome=Outcome.NO_VECTOR if len(rows) else Outcome.NOTHING_KNOWN,
        )

    def answer_query(self, query: ResolvedQuery) -> Answer:
        """The answer to any query: k items while k eligible ones exist."""
        if query.is_empty:
            return Answer(Source.POPULAR, query.popular_outcome, self._selected(query, self._popular_pool))
        return Answer(query.source, query.outcome, self._selected(query, self._ranked_pool))

    def select_from_list(self, query: ResolvedQuery, best_first: Neighbours) -> Neighbours | None:
        """The neighbours of `answer_query`, from the beginning of a precomputed full list; None where too few
        items are left."""
        eligible = best_first.without(query.excluded)
        mask = self.items.eligible_under(query.categories)
        if mask is not None:
            eligible = eligible.masked(mask.mask[eligible.rows])
        if len(eligible) < query.k:
            return None
        vector = self.generation.scorer.query_vector(query.items)
        return self._ranking.merge_new_items(eligible.head(query.k), vector, query.k, query.excluded, mask)

    def _selected(
        self, query: ResolvedQuery, pool_of: Callable[[ResolvedQuery, int], Neighbours]
    ) -> Neighbours:
        """The best k, or the k most diverse of a larger pool; the pool grows until it yields k."""
        if not query.diversity and query.max_per_category is None:
            return pool_of(query, query.k)
        depth = max(_MIN_POOL, _POOL_PER_PLACE * query.k)
        while True:
            pool = pool_of(query, depth)
            vectors, categories_of = self.items.vectors(pool.rows), self.items.categories_of
            chosen = mmr_rerank(
                pool, vectors, categories_of, query.k, query.diversity, query.max_per_category
            )
            if len(chosen) == query.k or len(pool) < depth:
                return chosen
            depth *= 4

    def _ranked_pool(self, query: ResolvedQuery, depth: int) -> Neighbours:
        eligible = self.items.eligible_under(query.categories)
        best = self._ranking.rank(query.items, depth, query.excluded, eligible)
        return self._ranking.fill_with_popular(best, depth, query.excluded, eligible)

    def _popular_pool(self, query: ResolvedQuery, depth: int) -> Neighbours:
        """Popular items of the requested categories, then all others that no filter excludes."""
        categories, excluded = query.categories, query.excluded
        popular = self._ranking.popular(depth, excluded, self.items.eligible_under(categories))
        not_excluded = self.items.eligible_under(categories.exclusions_only)
        return self._ranking.fill_with_popular(popular, depth, excluded, not_excluded)


def _excluded_with_item(query: ItemQuery) -> frozenset[int]:
    """The excluded rows and the item itself, which must not be recommended as a popular item either."""
    return query.excluded if query.row is None else query.excluded | {query.row}
