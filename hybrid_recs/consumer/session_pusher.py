"""Computes the lists of active sessions, stores them for the next read, and publishes them to open
streams."""

from collections.abc import Iterable
from typing import cast

import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.consumer.session_recommender import SessionRecommender
from hybrid_recs.events.event import parse_visitor_items
from hybrid_recs.events.session_list import (
    SESSION_LIST_SECONDS,
    STORE,
    SessionList,
    render_session_list,
    store_arguments,
)
from hybrid_recs.generation.scoring import MAX_HISTORY
from hybrid_recs.ranking.json_renderer import JsonRenderer
from hybrid_recs.ranking.recommender import Recommender

_PREFIX_BYTES = 256


class SessionPusher:
    """Updates the lists of sessions; several consumers may work for the same session."""

    def __init__(self, client: redis.Redis, keys: Keys, recommender: SessionRecommender) -> None:
        self.pushed = 0
        self._client = client
        self._keys = keys
        self._recommender = recommender
        self._store = client.register_script(STORE)

    def push(self, session_ids: Iterable[str]) -> int:
        """Update the stored lists of these sessions; returns how many were stale."""
        recommender = self._recommender.recommender
        if recommender is None:
            return 0
        stale = self._stale(list(session_ids), recommender)
        if not stale:
            return 0
        answers = self._recommender.recommend([items for _, items, _ in stale])
        entries, renderer = [], JsonRenderer(recommender)
        for (session_id, _, upto), answer in zip(stale, answers, strict=True):
            session_list = SessionList.from_answer(answer, upto, recommender)
            body = render_session_list(session_id, session_list, renderer)
            entries.append((self._keys.session_list(session_id), session_list, body))
        self._store(args=store_arguments(SESSION_LIST_SECONDS, entries))
        self.pushed += len(entries)
        return len(entries)

    def _stale(self, session_ids: list[str], recommender: Recommender) -> list[tuple[str, list[str], str]]:
        """Session id, items and version of the sessions whose stored list is not current."""
        pipeline = self._client.pipeline(transaction=False)
        for session_id in session_ids:
            pipeline.lrange(self._keys.session(session_id), 0, MAX_HISTORY - 1)
            pipeline.getrange(self._keys.session_list(session_id), 0, _PREFIX_BYTES - 1)
        replies = iter(pipeline.execute())
        stale = []
        for session_id in session_ids:
            items, version = parse_visitor_items(cast(list[bytes], next(replies)))
            stored, upto = cast(bytes, next(replies)), version.decode() if version else ""
            if upto and not stored.startswith(SessionList.stored_prefix(recommender, upto)):
                stale.append((session_id, items, upto))
        return stale
