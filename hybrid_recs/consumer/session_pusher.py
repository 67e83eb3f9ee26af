"""Computes fresh recommendations for sessions, stores them for the next read, and announces them."""

from collections.abc import Iterable
from typing import cast

import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.consumer.session_recommender import SessionRecommender
from hybrid_recs.events.event import state_items
from hybrid_recs.events.session_list import (
    SESSION_LIST_SECONDS,
    STORE,
    SessionList,
    render,
    store_arguments,
)
from hybrid_recs.generation.scoring import MAX_HISTORY
from hybrid_recs.ranking.json_renderer import JsonRenderer
from hybrid_recs.ranking.recommender import Recommender

_HEAD_BYTES = 256


class SessionPusher:
    """Pushes to the sessions that were active; any number of consumers may work for the same one."""

    def __init__(self, client: redis.Redis, keys: Keys, recommender: SessionRecommender) -> None:
        self.pushed = 0
        self._client = client
        self._keys = keys
        self._recommender = recommender
        self._store = client.register_script(STORE)

    def push(self, session_ids: Iterable[str]) -> int:
        """Bring the stored recommendations of these sessions up to date; returns how many were stale."""
        recommender = self._recommender.recommender
        if recommender is None:
            return 0
        stale = self._stale(list(session_ids), recommender)
        if not stale:
            return 0
        answers = self._recommender.recommend([items for _, items, _ in stale])
        entries, renderer = [], JsonRenderer(recommender)
        for (session_id, _, upto), answer in zip(stale, answers, strict=True):
            pushed = SessionList.of(answer, upto, recommender)
            body = render(session_id, pushed, renderer)
            entries.append((self._keys.pushed(session_id), pushed, body))
        self._store(args=store_arguments(SESSION_LIST_SECONDS, entries))
        self.pushed += len(entries)
        return len(entries)

    def _stale(self, session_ids: list[str], recommender: Recommender) -> list[tuple[str, list[str], str]]:
        """Session id, items and version of the sessions that have done more than what is stored knows of."""
        pipeline = self._client.pipeline(transaction=False)
        for session_id in session_ids:
            pipeline.lrange(self._keys.session(session_id), 0, MAX_HISTORY - 1)
            pipeline.getrange(self._keys.pushed(session_id), 0, _HEAD_BYTES - 1)
        found = iter(pipeline.execute())
        stale = []
        for session_id in session_ids:
            items, version = state_items(cast(list[bytes], next(found)))
            stored, upto = cast(bytes, next(found)), version.decode() if version else ""
            if upto and not stored.startswith(SessionList.head(recommender, upto)):
                stale.append((session_id, items, upto))
        return stale
