"""What a session stream shows now: the stored list if it is up to date, else a new one."""

import asyncio
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np

from hybrid_recs.events.session_list import MAX_SHOWN, SessionList, render_session_list
from hybrid_recs.online.serving.item_query_service import ItemQueryService
from hybrid_recs.online.visitors.state_reader import VisitorState, VisitorStateReader
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.types import Outcome


class SessionView:
    """One per worker. threads: for computing."""

    def __init__(self, service: ItemQueryService, visitors: VisitorStateReader, threads: Executor) -> None:
        self._service = service
        self._visitors = visitors
        self._threads = threads

    async def current(self, session_id: str) -> tuple[str, bytes]:
        """The stream id of the newest known event, and the body of a message on the session's stream."""
        snapshot = self._service.require_snapshot()
        state = await self._visitors.session(session_id)
        upto = state.version.decode() if state.version else ""
        stored = SessionList.decode(state.stored)
        if stored is None or not stored.is_current(snapshot.recommender, upto):
            loop = asyncio.get_running_loop()
            stored = await loop.run_in_executor(self._threads, _compute, snapshot.recommender, state, upto)
        return upto, render_session_list(session_id, stored, snapshot.renderer)


def _compute(recommender: Recommender, state: VisitorState, upto: str) -> SessionList:
    rows = np.array(recommender.items.rows(state.items), np.int64)
    answer = recommender.answer_session(rows, MAX_SHOWN)
    if state.unavailable:
        answer = replace(answer, outcome=Outcome.VISITOR_UNAVAILABLE)
    return SessionList.from_answer(answer, upto, recommender)
