"""The ladder: cache → live → popular. Decides from one generation and a cache outcome; does no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from hybrid_recs.generation import Generation
from hybrid_recs.packed import unpack
from hybrid_recs.scoring import history
from hybrid_recs.types import Answer, HistoryWeights, Neighbours, Reason, Rows, Source


class NoList(Enum):
    """Why there is no cached list to answer from."""

    NOT_HOT = auto()
    MISSING = auto()
    UNAVAILABLE = auto()


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: the row of a known item (None: unknown), how many, and which rows not."""

    row: int | None
    k: int
    excluded: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class SearchNeeded:
    """No rung above live search can answer; why not."""

    reason: Reason | None


_REASON = {
    NoList.NOT_HOT: None,
    NoList.MISSING: Reason.LIST_MISSING,
    NoList.UNAVAILABLE: Reason.CACHE_UNAVAILABLE,
}


class Recommender:
    """Answers queries from one generation."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation

    def is_hot(self, row: int) -> bool:
        """Whether a neighbour list was precomputed for the row."""
        return row in self.generation.hot

    def decode(self, packed: bytes | None) -> Neighbours | NoList:
        """A cached value as a list; anything that is not a list of this catalogue counts as missing."""
        neighbours = unpack(packed) if packed else None
        if neighbours is None:
            return NoList.MISSING
        # `reduce` is what `max` calls, without a detour through Python.
        beyond = len(neighbours) and np.maximum.reduce(neighbours.rows) >= len(self.generation.catalogue)
        return NoList.MISSING if beyond else neighbours

    def answer(self, query: Query, cached: Neighbours | NoList) -> Answer:
        """The answer to `query`, given what the cache had.

        Holds k items unless the catalogue has fewer; best first; never the item itself, an excluded
        one, or one twice.
        """
        answer = self.without_search(query, cached)
        if isinstance(answer, SearchNeeded):
            return Answer(Source.LIVE, answer.reason, self.live(query))
        return answer

    def without_search(self, query: Query, cached: Neighbours | NoList) -> Answer | SearchNeeded:
        """`answer`, for callers that do the search themselves: `live` is then the answer to be given."""
        if query.row is None:
            return Answer(Source.POPULAR, Reason.UNKNOWN_ITEM, self.popular(query))
        if query.row >= self.generation.manifest.vectors:
            return Answer(Source.POPULAR, Reason.NO_VECTOR, self.popular(query))
        if isinstance(cached, NoList):
            return SearchNeeded(_REASON[cached])
        left = cached.without(query.excluded)
        if len(left) < query.k and not self._is_complete(cached):
            return SearchNeeded(Reason.LIST_TOO_SHORT)
        return Answer(Source.CACHE, None, self._filled(query, left.head(query.k)))

    def live(self, query: Query) -> Neighbours:
        """What a precomputed list would say, found now by search."""
        return self._filled(query, self.neighbour_list(query))

    def live_many(self, queries: Sequence[Query]) -> list[Neighbours]:
        """`live` of queries for one k without exclusions, found at once for a fraction of the work."""
        rows = [query.row for query in queries if query.row is not None]
        assert len(rows) == len(queries)
        found = self.neighbour_lists(rows, queries[0].k)
        return [self._filled(query, one) for query, one in zip(queries, found, strict=True)]

    def neighbour_list(self, query: Query) -> Neighbours:
        """The precomputed list itself, found now: fewer than k where fewer items have a vector."""
        assert query.row is not None
        index, scorer = self.generation.index, self.generation.scorer
        # One more than asked for: the item itself.
        candidates = index.search(scorer.vectors[query.row], query.k + 1, query.excluded)
        return scorer.rank(query.row, candidates, query.k, query.excluded)

    def neighbour_lists(self, rows: Sequence[int], k: int) -> list[Neighbours]:
        """`neighbour_list` for several rows."""
        index, scorer = self.generation.index, self.generation.scorer
        candidates = index.search_many(scorer.vectors[rows], k + 1)
        return scorer.rank_sets([scorer.one(row) for row in rows], candidates, k)

    def after_session(self, rows: Rows, k: int, excluded: frozenset[int] = frozenset()) -> Answer:
        """What a visitor will want next; `rows` oldest first. Items of the session may come again where
        visitors of this data do come back to items."""
        return self._for_history(rows, k, excluded, self.generation.manifest.scoring.of_session)

    def for_user(self, rows: Rows, k: int, excluded: frozenset[int] = frozenset()) -> Answer:
        """What else a user will want; `rows` is the history, oldest first, none of which comes again."""
        return self._for_history(rows, k, excluded, self.generation.manifest.scoring.of_user)

    def _for_history(self, rows: Rows, k: int, excluded: frozenset[int], how: HistoryWeights) -> Answer:
        generation = self.generation
        if how.repeat is None:
            excluded |= frozenset(rows.tolist())
        query = Query(None, k, excluded)
        known = rows[rows < generation.manifest.vectors]
        if not len(known):
            reason = Reason.NO_VECTOR if len(rows) else Reason.UNKNOWN_ITEM
            return Answer(Source.POPULAR, reason, self.popular(query))
        items = history(known, how)
        query_vector = generation.scorer.query(items)
        candidates = generation.index.search(query_vector, k + len(items.rows), excluded)
        found = generation.scorer.rank_set(items, candidates, k, excluded)
        return Answer(Source.LIVE, None, self._filled(query, found))

    def popular(self, query: Query) -> Neighbours:
        """The last rung: scores are popularity over that of the most popular item."""
        rows = self._popular_rows(query, query.k, frozenset())
        popularity = self.generation.catalogue.popularity
        top = max(float(popularity[self.generation.catalogue.by_popularity[0]]), 1.0)
        return Neighbours(rows, (popularity[rows] / top).astype(np.float16).astype(np.float32))

    def _popular_rows(self, query: Query, count: int, taken: frozenset[int]) -> Rows:
        own = frozenset() if query.row is None else frozenset((query.row,))
        return self.generation.catalogue.popular(count, query.excluded | own | taken)

    def _is_complete(self, neighbours: Neighbours) -> bool:
        """Whether a list holds every other item that has a vector, so that search has nothing to add."""
        return len(neighbours) >= self.generation.manifest.vectors - 1

    def _filled(self, query: Query, found: Neighbours) -> Neighbours:
        """Popular items behind a list that came out short because the index holds no more."""
        short = query.k - len(found)
        if short <= 0:
            return found
        rows = self._popular_rows(query, short, frozenset(found.rows.tolist()))
        floor = min(0.0, float(found.scores[-1])) if len(found) else 0.0
        scores = np.full(len(rows), floor, np.float32)
        return Neighbours(np.concatenate((found.rows, rows)), np.concatenate((found.scores, scores)))
