"""Lists for many users at once: what `Recommender.for_user` says to each, in some 60 % of the time.

What is left is scoring, which histories do not share.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from hybrid_recs.cache.user_list_codec import StoredUserList
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.scoring import MAX_HISTORY
from hybrid_recs.items.overlay import Overlay
from hybrid_recs.ranking.recommender import Recommender, ResolvedQuery
from hybrid_recs.types import Neighbours, ProgressCallback, Rows, no_progress

_SEARCHED_AT_ONCE = 128
# 4 MB at 256 dimensions, twice over. With more it takes longer.
_CELLS_AT_ONCE = 4_096

_Asked = tuple[int, ResolvedQuery]
"""Place of the user, and the query."""


class UserLists:
    """Makes lists of `k` items of one generation, without those a user has seen and without hidden rows.

    searched_at_once: users; cells_at_once: vectors gathered by one scoring, in rows.
    """

    def __init__(
        self,
        generation: Generation,
        k: int,
        hidden: frozenset[int] = frozenset(),
        searched_at_once: int = _SEARCHED_AT_ONCE,
        cells_at_once: int = _CELLS_AT_ONCE,
    ) -> None:
        n = len(generation.catalogue)
        overlay = Overlay(hidden=frozenset(row for row in hidden if row < n))
        self.recommender = Recommender(generation, overlay)
        self._generation = generation
        self._eligible = self.recommender.items.eligible
        self._how = generation.manifest.scoring.of_user
        self._k = k
        self._searched_at_once = searched_at_once
        self._cells_at_once = cells_at_once
        self._seen = np.zeros(n, np.bool_)

    def predictions(
        self, histories: Sequence[Rows], made: int, on_progress: ProgressCallback = no_progress
    ) -> list[StoredUserList]:
        """`of`, with what each list was made from and when (seconds since 1970)."""
        return [
            StoredUserList(found, met[-MAX_HISTORY:], made)
            for found, met in zip(self.of(histories, on_progress), histories, strict=True)
        ]

    def of(self, histories: Sequence[Rows], on_progress: ProgressCallback = no_progress) -> list[Neighbours]:
        """A list for each history (rows oldest first), in their order.

        Histories of like length are searched together, as all of a search look equally deep.
        """
        found: dict[int, Neighbours] = {}
        order = sorted(range(len(histories)), key=lambda at: len(histories[at]))
        for start in range(0, len(order), self._searched_at_once):
            some = order[start : start + self._searched_at_once]
            found.update(self._searched(some, histories))
            on_progress(len(some))
        return [self._filled(met, found.get(at)) for at, met in enumerate(histories)]

    def _searched(self, places: Sequence[int], histories: Sequence[Rows]) -> Iterator[tuple[int, Neighbours]]:
        """Place and list of those who met something that has a vector."""
        wanted = (
            (at, self.recommender.history_query(histories[at], self._k, frozenset(), self._how))
            for at in places
        )
        asked = [one for one in wanted if not one[1].is_empty]
        if not asked:
            return
        candidates = self._candidates(asked)
        for some in self._groups(asked, candidates):
            lists = self._generation.scorer.score_queries(
                [one.items for _, one in asked[some]],
                candidates[some],
                self._k,
                [one.excluded for _, one in asked[some]],
                self._eligible,
            )
            yield from zip((at for at, _ in asked[some]), lists, strict=True)

    def _candidates(self, asked: Sequence[_Asked]) -> list[Rows]:
        """The nearest unseen items of each query, as many as scoring needs."""
        scorer = self._generation.scorer
        needed = [self._k + scorer.extra_candidates(one.items) for _, one in asked]
        deepest = max(count + len(one.excluded) for count, (_, one) in zip(needed, asked, strict=True))
        queries = np.stack([scorer.query_vector(one.items) for _, one in asked])
        found = self._generation.index.search_many(queries, deepest, eligible=self._eligible)
        return [
            self._unseen(rows, one.excluded)[:count]
            for rows, count, (_, one) in zip(found, needed, asked, strict=True)
        ]

    def _unseen(self, rows: Rows, seen: frozenset[int]) -> Rows:
        mark = np.fromiter(seen, np.int64, len(seen))
        self._seen[mark] = True
        left = rows[~self._seen[rows]]
        self._seen[mark] = False
        return left

    def _groups(self, asked: Sequence[_Asked], candidates: Sequence[Rows]) -> Iterator[slice]:
        """Neighbouring queries that are scored together, so that memory stays bounded."""
        starts, start, held = self._generation.scorer.covisits.indptr, 0, 0
        for at, ((_, one), near) in enumerate(zip(asked, candidates, strict=True)):
            rows = one.items.rows
            cells = len(near) + len(rows) + int((starts[rows + 1] - starts[rows]).sum())
            if held and held + cells > self._cells_at_once:
                yield slice(start, at)
                start, held = at, 0
            held += cells
        yield slice(start, len(asked))

    def _filled(self, met: Rows, found: Neighbours | None) -> Neighbours:
        """Those who have too little to go by are few, and answered one at a time."""
        if found is not None and len(found) == self._k:
            return found
        return self.recommender.answer_user(met, self._k).neighbours
