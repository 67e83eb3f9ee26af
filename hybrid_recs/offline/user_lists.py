"""Lists for many users at once: what `Recommender.for_user` says to each, for a fraction of the work."""

from collections.abc import Iterator, Sequence

import numpy as np

from hybrid_recs.predictions import StoredPrediction
from hybrid_recs.recommender import Recommender
from hybrid_recs.scoring import LONGEST_HISTORY, ItemSet, history
from hybrid_recs.types import Neighbours, OnDone, Rows, silent

_SEARCHED_AT_ONCE = 128
# Vectors gathered by one scoring, in rows: 16 MB at 256 dimensions, twice over.
_CELLS_AT_ONCE = 16_384

_Asked = tuple[int, ItemSet, frozenset[int]]
"""Place of the user, the query, and the rows that must not come."""


class UserLists:
    """Makes lists of `k` items without those seen and without `hidden` rows."""

    def __init__(self, recommender: Recommender, k: int, hidden: frozenset[int] = frozenset()) -> None:
        self._recommender = recommender
        self._generation = recommender.generation
        self._k = k
        self._hidden = hidden
        self._seen = np.zeros(len(recommender.generation.catalogue), np.bool_)

    def predictions(
        self, histories: Sequence[Rows], made: int, on_done: OnDone = silent
    ) -> list[StoredPrediction]:
        """`of`, with what each list was made from and when (seconds since 1970)."""
        return [
            StoredPrediction(found, met[-LONGEST_HISTORY:], made)
            for found, met in zip(self.of(histories, on_done), histories, strict=True)
        ]

    def of(self, histories: Sequence[Rows], on_done: OnDone = silent) -> list[Neighbours]:
        """A list for each history (rows oldest first), in their order.

        Histories of like length are searched together, as all of a search look equally deep.
        """
        found: dict[int, Neighbours] = {}
        order = sorted(range(len(histories)), key=lambda at: len(histories[at]))
        for start in range(0, len(order), _SEARCHED_AT_ONCE):
            some = order[start : start + _SEARCHED_AT_ONCE]
            found.update(self._searched(some, histories))
            on_done(len(some))
        return [self._filled(met, found.get(at)) for at, met in enumerate(histories)]

    def _searched(self, places: Sequence[int], histories: Sequence[Rows]) -> Iterator[tuple[int, Neighbours]]:
        """Place and list of those who met something that has a vector."""
        n, how = self._generation.manifest.vectors, self._generation.manifest.scoring.of_user
        asked: list[_Asked] = []
        for at in places:
            known = histories[at][histories[at] < n]
            if len(known):
                asked.append((at, history(known, how), frozenset(histories[at].tolist())))
        if not asked:
            return
        candidates = self._candidates(asked)
        for some in self._groups(asked, candidates):
            lists = self._generation.scorer.rank_sets(
                [items for _, items, _ in asked[some]],
                candidates[some],
                self._k,
                [seen | self._hidden for _, _, seen in asked[some]],
            )
            yield from zip((at for at, _, _ in asked[some]), lists, strict=True)

    def _candidates(self, asked: Sequence[_Asked]) -> list[Rows]:
        """The nearest k + items of each query that were not seen."""
        deepest = max(len(items.rows) + len(seen) for _, items, seen in asked)
        queries = np.stack([self._generation.scorer.query(items) for _, items, _ in asked])
        found = self._generation.index.search_many(queries, self._k + deepest, excluded=self._hidden)
        return [
            self._unseen(rows, seen)[: self._k + len(items.rows)]
            for rows, (_, items, seen) in zip(found, asked, strict=True)
        ]

    def _unseen(self, rows: Rows, seen: frozenset[int]) -> Rows:
        mark = np.fromiter(seen, np.int64, len(seen))
        self._seen[mark] = True
        left = rows[~self._seen[rows]]
        self._seen[mark] = False
        return left

    def _groups(self, asked: Sequence[_Asked], candidates: Sequence[Rows]) -> Iterator[slice]:
        """Neighbouring queries that are scored together, so that memory stays bounded."""
        start, held = 0, 0
        for at, ((_, items, _), near) in enumerate(zip(asked, candidates, strict=True)):
            cells = len(near) + self._linked(items)
            if held and held + cells > _CELLS_AT_ONCE:
                yield slice(start, at)
                start, held = at, 0
            held += cells
        yield slice(start, len(asked))

    def _linked(self, items: ItemSet) -> int:
        starts = self._generation.scorer.covisits.indptr
        return int((starts[items.rows + 1] - starts[items.rows]).sum()) + len(items.rows)

    def _filled(self, met: Rows, found: Neighbours | None) -> Neighbours:
        """Those who have too little to go by are few, and answered one at a time."""
        if found is not None and len(found) == self._k:
            return found
        return self._recommender.for_user(met, self._k, self._hidden).neighbours
