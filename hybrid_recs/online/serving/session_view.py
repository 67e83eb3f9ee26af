"""What a session should be shown now: what was pushed for it if that knows all it did, else computed."""

import asyncio
from concurrent.futures import Executor

import numpy as np

from hybrid_recs.events.session_list import MAX_SHOWN, SessionList, rendered
from hybrid_recs.online.serving.service import Service
from hybrid_recs.online.visitors.state_reader import VisitorStateReader
from hybrid_recs.ranking.recommender import Recommender


class SessionView:
    """Reads, and computes in a thread where need be."""

    def __init__(self, service: Service, visitors: VisitorStateReader, threads: Executor) -> None:
        self._service = service
        self._visitors = visitors
        self._threads = threads

    async def current(self, session_id: str) -> tuple[str, bytes]:
        """The stream id of the newest event known, and the body of an event on the session's stream."""
        snapshot = self._service.serving
        recommender = snapshot.recommender
        state = await self._visitors.session(session_id)
        upto = state.version.decode() if state.version else ""
        pushed = SessionList.decode(state.stored)
        if pushed is None or not pushed.is_what(recommender, upto):
            loop = asyncio.get_running_loop()
            pushed = await loop.run_in_executor(self._threads, _computed, recommender, state.items, upto)
        return upto, rendered(session_id, pushed, snapshot.items)


def _computed(recommender: Recommender, items: tuple[str, ...], upto: str) -> SessionList:
    rows = np.array(recommender.items.rows(items), np.int64)
    return SessionList.of(recommender.after_session(rows, MAX_SHOWN), upto, recommender)
