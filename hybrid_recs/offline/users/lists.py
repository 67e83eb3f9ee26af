"""Lists for many users at once: the answers of `Recommender.for_user`, in some 60 % of the time.

The search and the filters are shared; the rest of the time is scoring, where histories share nothing.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from hybrid_recs.cache.user_list_codec import StoredUserList
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.scoring import MAX_HISTORY
from hybrid_recs.items.overlay import Overlay
from hybrid_recs.ranking.recommender import Recommender, ResolvedQuery
from hybrid_recs.types import Neighbours, ProgressCallback, Rows, no_progress

_SEARCH_BATCH = 128
# 4 MB at 256 dimensions, twice; larger groups are slower.
_CELLS_AT_ONCE = 4_096

_UserQuery = tuple[int, ResolvedQuery]
"""Index of the user among the histories, and the query."""


class UserListBuilder:
    """Builds lists of `k` items of one generation, without the items of a user's history and hidden rows.

    search_batch: users searched together. cells_at_once: vectors gathered by one scoring call, in rows.
    """

    def __init__(
        self,
        generation: Generation,
        k: int,
        hidden: frozenset[int] = frozenset(),
        search_batch: int = _SEARCH_BATCH,
        cells_at_once: int = _CELLS_AT_ONCE,
    ) -> None:
        n = len(generation.catalogue)
        overlay = Overlay(hidden=frozenset(row for row in hidden if row < n))
        self.recommender = Recommender(generation, overlay)
        self._generation = generation
        self._eligible = self.recommender.items.eligible
        self._weights = generation.manifest.scoring.of_user
        self._k = k
        self._search_batch = search_batch
        self._cells_at_once = cells_at_once
        self._seen = np.zeros(n, np.bool_)

    def stored_lists(
        self, histories: Sequence[Rows], made: int, on_progress: ProgressCallback = no_progress
    ) -> list[StoredUserList]:
        """`lists` with the history that each was made from, and the time (seconds since 1970)."""
        return [
            StoredUserList(neighbours, history[-MAX_HISTORY:], made)
            for neighbours, history in zip(self.lists(histories, on_progress), histories, strict=True)
        ]

    def lists(
        self, histories: Sequence[Rows], on_progress: ProgressCallback = no_progress
    ) -> list[Neighbours]:
        """A list for each history (rows oldest first), in their order.

        Histories of similar length are searched together, because a batch is searched at one depth.
        """
        lists: dict[int, Neighbours] = {}
        order = sorted(range(len(histories)), key=lambda user: len(histories[user]))
        for start in range(0, len(order), self._search_batch):
            batch = order[start : start + self._search_batch]
            lists.update(self._search(batch, histories))
            on_progress(len(batch))
        return [self._filled(history, lists.get(user)) for user, history in enumerate(histories)]

    def _search(self, users: Sequence[int], histories: Sequence[Rows]) -> Iterator[tuple[int, Neighbours]]:
        """User and list of those with an item that has a vector."""
        queries = [(user, self._query(histories[user])) for user in users]
        queries = [(user, query) for user, query in queries if not query.is_empty]
        if not queries:
            return
        candidates = self._candidates(queries)
        for group in self._groups(queries, candidates):
            lists = self._generation.scorer.score_queries(
                [query.items for _, query in queries[group]],
                candidates[group],
                self._k,
                [query.excluded for _, query in queries[group]],
                self._eligible,
            )
            yield from zip((user for user, _ in queries[group]), lists, strict=True)

    def _query(self, history: Rows) -> ResolvedQuery:
        return self.recommender.history_query(history, self._k, frozenset(), self._weights)

    def _candidates(self, queries: Sequence[_UserQuery]) -> list[Rows]:
        """The nearest unseen items of each query, as many as scoring needs."""
        scorer = self._generation.scorer
        counts = [self._k + scorer.extra_candidates(query.items) for _, query in queries]
        depth = max(count + len(query.excluded) for count, (_, query) in zip(counts, queries, strict=True))
        vectors = np.stack([scorer.query_vector(query.items) for _, query in queries])
        nearest = self._generation.index.search_many(vectors, depth, eligible=self._eligible)
        return [
            self._unseen(rows, query.excluded)[:count]
            for rows, count, (_, query) in zip(nearest, counts, queries, strict=True)
        ]

    def _unseen(self, rows: Rows, seen: frozenset[int]) -> Rows:
        # A mask for all users, reset after each one.
        seen_rows = np.fromiter(seen, np.int64, len(seen))
        self._seen[seen_rows] = True
        unseen = rows[~self._seen[rows]]
        self._seen[seen_rows] = False
        return unseen

    def _groups(self, queries: Sequence[_UserQuery], candidates: Sequence[Rows]) -> Iterator[slice]:
        """Consecutive queries that are scored together, within `cells_at_once`."""
        starts, start, gathered = self._generation.scorer.covisits.indptr, 0, 0
        for index, ((_, query), near) in enumerate(zip(queries, candidates, strict=True)):
            rows = query.items.rows
            cells = len(near) + len(rows) + int((starts[rows + 1] - starts[rows]).sum())
            if gathered and gathered + cells > self._cells_at_once:
                yield slice(start, index)
                start, gathered = index, 0
            gathered += cells
        yield slice(start, len(queries))

    def _filled(self, history: Rows, neighbours: Neighbours | None) -> Neighbours:
        """Histories that give too few items are rare, and answered one at a time."""
        if neighbours is not None and len(neighbours) == self._k:
            return neighbours
        return self.recommender.answer_user(history, self._k).neighbours
