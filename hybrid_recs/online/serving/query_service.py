"""Answers questions of every kind that are not about one item alone: resolves them into one query.

Sessions and users are read first, in one round trip each; a list computed ahead answers if nothing has
happened since, else the query is answered live.
"""

import asyncio
import itertools
import secrets
import time
from collections.abc import Sequence

from hybrid_recs.errors import BadVectorError, HybridRecsError, UnknownItemError
from hybrid_recs.online.serving.json_renderer import Served
from hybrid_recs.online.serving.query import Question
from hybrid_recs.online.serving.query_resolver import Resolved
from hybrid_recs.online.serving.service import Service
from hybrid_recs.online.serving.snapshot import Serving
from hybrid_recs.online.visitors.impression_log import PredictionLog
from hybrid_recs.online.visitors.state_reader import Visitors, VisitorState
from hybrid_recs.types import Answer, Reason, Source

_AT_ONCE = 64  # of the questions of one batch: what they may hold of Redis connections


class Asking:
    """Belongs to one event loop."""

    def __init__(self, service: Service, visitors: Visitors, log: PredictionLog) -> None:
        self._service = service
        self._visitors = visitors
        self._log = log
        self._worker = secrets.token_hex(4)
        self._numbers = itertools.count()

    async def answer(self, question: Question, one_of_many: bool = False) -> Served:
        """The answer to one question, counted.

        Raises NoGenerationError, UnknownItemError where that is asked for, BadVectorError.
        """
        plain = question.plain_item
        if plain is not None:
            is_error = question.on_unknown == "error"
            return await self._service.recommend(plain, question.k, question.exclude, is_error)
        started = time.perf_counter()
        serving = self._service.serving_for(1)
        nobody = VisitorState()
        session = await self._visitors.session(question.session_id) if question.session_id else nobody
        user = nobody
        if question.user_id:
            user = await self._visitors.user(question.user_id, serving.generation.id)
        try:
            asked = Resolved(serving, question, session, user)
        except UnknownItemError:
            self._service.counted(serving.generation, Source.NONE, Reason.UNKNOWN_ITEM, started, b"")
            raise
        wanted = asked.wanted()
        answer = asked.ahead(wanted) or await serving.live.answer(wanted, one_of_many)
        name = f"{self._worker}{next(self._numbers):08x}"
        body = serving.renderer.visitor_body(name, asked.unknown, answer)
        served = self._service.counted(serving.generation, answer.source, answer.reason, started, body)
        self._note(serving, question, answer, name, asked.age_seconds)
        return served

    def _note(
        self, serving: Serving, question: Question, answer: Answer, name: str, age_seconds: float | None
    ) -> None:
        """Log the answer, if it belongs to the sample."""
        recommendation_id = f"{answer.source.value}-{name}"
        if self._log.samples(recommendation_id):
            item_id, rows = serving.recommender.items.item_id, answer.neighbours.rows.tolist()
            self._log.served(
                recommendation_id,
                question.kind,
                answer.source,
                serving.generation.id,
                question.user_id or question.session_id,
                [item_id(row) for row in rows],
                age_seconds if answer.source is Source.BATCH else None,
            )

    async def answer_all(self, questions: Sequence[Question]) -> list[Served | HybridRecsError]:
        """The answers to many, in their order; what is wrong with one question is its answer."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(question: Question) -> Served | HybridRecsError:
            async with gate:
                try:
                    return await self.answer(question, one_of_many=True)
                except (UnknownItemError, BadVectorError) as error:
                    return error

        self._service.serving_for(len(questions))  # raises before a generation is loaded
        return list(await asyncio.gather(*map(one, questions)))
