"""The ladder: cache → live → content → popular. Decides from one generation, what has changed since, and a
cache outcome; does no I/O."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from hybrid_recs.generation.category_index import CategoryFilter
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.neighbour_codec import decode_neighbours
from hybrid_recs.generation.scoring import WeightedItems, history
from hybrid_recs.items.overlay import Overlay
from hybrid_recs.ranking.candidates import CandidateRanking
from hybrid_recs.ranking.item_pool import ItemPool
from hybrid_recs.ranking.mmr import mmr_rerank
from hybrid_recs.types import Answer, Floats, HistoryWeights, Neighbours, Outcome, Rows, Source

# Items that are chosen from for each place, where a list is to be varied.
_POOL_PER_PLACE, _MIN_POOL = 4, 20


_HIT = Outcome.HIT  # Python 3.11 looks a member up by a call of its own


@dataclass(frozen=True, slots=True)
class ItemQuery:
    """What is asked: the row of a known item (None: unknown), how many, and which rows not."""

    row: int | None
    k: int
    excluded: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ResolvedQuery:
    """A query of any kind, resolved: a weighted set of items, or a vector, or both, minus exclusions, under
    filters. An empty set without a vector gets popular items.

    source, outcome: of the answer, unless it is popular items; then `nothing` is its outcome.
    """

    items: WeightedItems
    k: int
    excluded: frozenset[int] = frozenset()
    categories: CategoryFilter = field(default_factory=CategoryFilter)
    diversity: float = 0.0
    max_per_category: int | None = None
    source: Source = Source.LIVE
    outcome: Outcome = Outcome.COMPOSED
    nothing: Outcome = Outcome.NOTHING_KNOWN

    @property
    def nothing_known(self) -> bool:
        """Whether popular items are all that can be said."""
        return not len(self.items.rows) and self.items.vector is None


@dataclass(frozen=True, slots=True)
class SearchNeeded:
    """No tier above search can answer: why not, and the source of the answer that search gives."""

    outcome: Outcome
    source: Source = Source.LIVE


class Recommender:
    """Answers queries from one generation and what has changed since."""

    def __init__(self, generation: Generation, overlay: Overlay | None = None) -> None:
        self.generation = generation
        self.items = ItemPool(generation, overlay or Overlay())
        self._ranking = CandidateRanking(generation, self.items)

    def is_hot(self, row: int) -> bool:
        """Whether a neighbour list was precomputed for the row."""
        return row in self.generation.hot

    def decode(self, encoded: bytes | None) -> Neighbours | Outcome:
        """A cached value as a list; anything that is not a list of this catalogue counts as missing."""
        neighbours = decode_neighbours(encoded) if encoded else None
        if neighbours is None:
            return Outcome.LIST_MISSING
        # `reduce` is what `max` calls, without a detour through Python.
        beyond = len(neighbours) and np.maximum.reduce(neighbours.rows) >= len(self.generation.catalogue)
        return Outcome.LIST_MISSING if beyond else neighbours

    def answer(self, query: ItemQuery, cached: Neighbours | Outcome) -> Answer:
        """The answer to `query`, given what the cache had: a list, or why there is none.

        Holds k items unless there are fewer; best first; never the item itself, an excluded or hidden one,
        or one twice.
        """
        answer = self.without_search(query, cached)
        if isinstance(answer, SearchNeeded):
            return Answer(answer.source, answer.outcome, self.live(query))
        return answer

    def without_search(self, query: ItemQuery, cached: Neighbours | Outcome) -> Answer | SearchNeeded:
        """`answer`, for callers that do the search themselves: `live` is then the answer to be given."""
        if query.row is None:
            return Answer(Source.POPULAR, Outcome.UNKNOWN_ITEM, self.popular(query))
        if not self.is_placed(query.row):
            return Answer(Source.POPULAR, Outcome.NO_VECTOR, self.popular(query))
        if query.row >= self.generation.manifest.learned:
            return SearchNeeded(Outcome.NO_INTERACTIONS, Source.CONTENT)
        if isinstance(cached, Outcome):
            return SearchNeeded(cached)
        left = cached.without(query.excluded)
        if self.items.eligible is not None:
            left = left.only(self.items.eligible.mask[left.rows])
        if len(left) < query.k and not self._is_complete(cached):
            return SearchNeeded(Outcome.LIST_TOO_SHORT)
        vector = self.items.vector(query.row)
        left = self._ranking.with_new(left.head(query.k), vector, query.k, query.excluded)
        return Answer(Source.CACHE, _HIT, self._filled(query, left))

    def is_placed(self, row: int) -> bool:
        """Whether the row has a vector."""
        if self.items.is_new(row):
            return bool(self.items.vector(row).any())
        return row < self.generation.manifest.vectors

    def live(self, query: ItemQuery) -> Neighbours:
        """What a precomputed list would say, found now by search."""
        return self._filled(query, self.neighbour_list(query))

    def live_many(self, queries: Sequence[ItemQuery]) -> list[Neighbours]:
        """`live` of queries for one k without exclusions, found at once for a fraction of the work."""
        rows = [query.row for query in queries if query.row is not None]
        assert len(rows) == len(queries)
        if any(map(self.items.is_new, rows)):
            return [self.live(query) for query in queries]
        found = self.neighbour_lists(rows, queries[0].k)
        return [self._filled(query, one) for query, one in zip(queries, found, strict=True)]

    def neighbour_list(self, query: ItemQuery) -> Neighbours:
        """The precomputed list itself, found now: fewer than k where fewer items have a vector."""
        assert query.row is not None
        if self.items.is_new(query.row):
            excluded = query.excluded | {query.row}
            items = self.weighted_items((), (), self.items.vector(query.row))
        else:
            excluded, items = query.excluded, self.generation.scorer.item_query(query.row)
        return self._ranking.best(items, query.k, excluded)

    def neighbour_lists(self, rows: Sequence[int], k: int) -> list[Neighbours]:
        """`neighbour_list` for several rows of the generation."""
        return self._ranking.best_of_rows(list(rows), k)

    def popular(self, query: ItemQuery) -> Neighbours:
        """The last rung: scores are popularity over that of the most popular item."""
        return self._ranking.popular(query.k, _beyond(query))

    def _filled(self, query: ItemQuery, found: Neighbours) -> Neighbours:
        return self._ranking.filled(found, query.k, _beyond(query))

    def _is_complete(self, neighbours: Neighbours) -> bool:
        """Whether a list holds every other item that has a vector, so that search has nothing to add."""
        return len(neighbours) >= self.generation.manifest.vectors - 1

    def weighted_items(
        self, rows: Sequence[int], weights: Sequence[float], vector: Floats | None = None
    ) -> WeightedItems:
        """A weighted set of rows of the generation (distinct), none of which comes back, and a vector."""
        weight = self.generation.manifest.scoring.covisit_weight
        return WeightedItems(np.array(rows, np.int64), np.array(weights, np.float32), weight, vector=vector)

    def after_session(self, rows: Rows, k: int, excluded: frozenset[int] = frozenset()) -> Answer:
        """What a visitor will want next; `rows` oldest first. Items of the session may come again where
        visitors of this data do come back to items."""
        return self.for_set(self.of_history(rows, k, excluded, self.generation.manifest.scoring.of_session))

    def for_user(self, rows: Rows, k: int, excluded: frozenset[int] = frozenset()) -> Answer:
        """What else a user will want; `rows` is the history, oldest first, none of which comes again."""
        return self.for_set(self.of_history(rows, k, excluded, self.generation.manifest.scoring.of_user))

    def of_history(self, rows: Rows, k: int, excluded: frozenset[int], how: HistoryWeights) -> ResolvedQuery:
        """A visitor's rows, oldest first, as a query; new items take part by their vectors."""
        if how.repeat is None:
            excluded |= frozenset(rows.tolist())
        placed = [row for row in rows.tolist() if self.is_placed(row)]
        items = history(np.array(placed, np.int64), how)
        old = items.rows < self.generation.manifest.vectors
        vector = None if old.all() else items.weights[~old] @ self.items.vectors(items.rows[~old])
        known = WeightedItems(
            items.rows[old], items.weights[old], items.covisit_weight, items.repeat, items.trend, vector
        )
        learned = bool((known.rows < self.generation.manifest.learned).any())
        source = Source.LIVE if learned else Source.CONTENT
        outcome = Outcome.COMPOSED if learned else Outcome.NO_INTERACTIONS
        nothing = Outcome.NO_VECTOR if len(rows) else Outcome.NOTHING_KNOWN
        return ResolvedQuery(known, k, excluded, source=source, outcome=outcome, nothing=nothing)

    def for_set(self, query: ResolvedQuery) -> Answer:
        """The answer to any query: k items while k eligible ones exist."""
        if query.nothing_known:
            return Answer(Source.POPULAR, query.nothing, self._selected(query, self._popular_pool))
        return Answer(query.source, query.outcome, self._selected(query, self._ranked_pool))

    def from_list(self, query: ResolvedQuery, best_first: Neighbours) -> Neighbours | None:
        """`for_set` out of the beginning of its full list, made before; None where too little is left."""
        left = best_first.without(query.excluded)
        eligible = self.items.eligible_under(query.categories)
        if eligible is not None:
            left = left.only(eligible.mask[left.rows])
        if len(left) < query.k:
            return None
        vector = self.generation.scorer.query_vector(query.items)
        return self._ranking.with_new(left.head(query.k), vector, query.k, query.excluded, eligible)

    def _selected(
        self, query: ResolvedQuery, pool_of: Callable[[ResolvedQuery, int], Neighbours]
    ) -> Neighbours:
        """The best k, or of a larger pool those that differ; the pool grows until k are found."""
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
        found = self._ranking.best(query.items, depth, query.excluded, eligible)
        return self._ranking.filled(found, depth, query.excluded, eligible)

    def _popular_pool(self, query: ResolvedQuery, depth: int) -> Neighbours:
        """Popular items of the wanted categories, behind them all others that are not ruled out."""
        wishes, excluded = query.categories, query.excluded
        found = self._ranking.popular(depth, excluded, self.items.eligible_under(wishes))
        return self._ranking.filled(found, depth, excluded, self.items.eligible_under(wishes.without_wishes))


def _beyond(query: ItemQuery) -> frozenset[int]:
    """Rows that may not come as popular items either."""
    return query.excluded if query.row is None else query.excluded | {query.row}
