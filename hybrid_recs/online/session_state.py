"""What a session should be shown now: what was pushed for it if that knows all it did, else computed."""

import asyncio
from concurrent.futures import Executor

import numpy as np

from hybrid_recs.errors import NoGenerationError
from hybrid_recs.generation import Generation
from hybrid_recs.online.service import Service
from hybrid_recs.online.visitors import VisitorState, Visitors
from hybrid_recs.pushed import MOST_SHOWN, Pushed, rendered
from hybrid_recs.recommender import Recommender


class SessionState:
    """Reads, and computes in a thread where need be."""

    def __init__(self, service: Service, visitors: Visitors, threads: Executor) -> None:
        self._service = service
        self._visitors = visitors
        self._threads = threads

    async def current(self, session_id: str) -> tuple[str, bytes]:
        """The stream id of the newest event known, and the body of an event on the session's stream."""
        generation = self._service.generation
        if generation is None:
            raise NoGenerationError("no generation is loaded yet")
        state = await self._visitors.session(session_id)
        upto = state.version.decode() if state.version else ""
        pushed = Pushed.decode(state.pushed)
        if pushed is None or (pushed.upto, pushed.generation) != (upto, generation.id):
            loop = asyncio.get_running_loop()
            pushed = await loop.run_in_executor(self._threads, _computed, generation, state, upto)
        return upto, rendered(session_id, pushed, generation)


def _computed(generation: Generation, state: VisitorState, upto: str) -> Pushed:
    rows = [row for row in map(generation.catalogue.row, state.items) if row is not None]
    answer = Recommender(generation).after_session(np.array(rows, np.int64), MOST_SHOWN)
    return Pushed.of(answer, upto, generation.id, overlay=0)
