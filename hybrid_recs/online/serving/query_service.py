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
from hybrid_recs.online.serving.json_renderer import RenderedAnswer
from hybrid_recs.online.serving.query import RecommendationRequest
from hybrid_recs.online.serving.query_resolver import QueryResolver
from hybrid_recs.online.serving.service import Service
from hybrid_recs.online.serving.snapshot import Snapshot
from hybrid_recs.online.visitors.impression_log import ImpressionLog
from hybrid_recs.online.visitors.state_reader import VisitorState, VisitorStateReader
from hybrid_recs.types import Answer, Outcome, Source

_AT_ONCE = 64  # of the questions of one batch: what they may hold of Redis connections


class QueryService:
    """Belongs to one event loop."""

    def __init__(self, service: Service, visitors: VisitorStateReader, log: ImpressionLog) -> None:
        self._service = service
        self._visitors = visitors
        self._log = log
        self._worker = secrets.token_hex(4)
        self._numbers = itertools.count()

    async def answer(self, request: RecommendationRequest, one_of_many: bool = False) -> RenderedAnswer:
        """The answer to one question, counted.

        Raises NoGenerationError, UnknownItemError where that is asked for, BadVectorError.
        """
        plain = request.plain_item
        if plain is not None:
            is_error = request.on_unknown == "error"
            return await self._service.recommend(plain, request.k, request.exclude, is_error)
        started = time.perf_counter()
        serving = self._service.serving_for(1)
        nobody = VisitorState()
        session = await self._visitors.session(request.session_id) if request.session_id else nobody
        user = nobody
        if request.user_id:
            user = await self._visitors.user(request.user_id, serving.generation.id)
        try:
            resolver = QueryResolver(serving, request, session, user)
        except UnknownItemError:
            self._service.counted(serving.generation, Source.NONE, Outcome.UNKNOWN_ITEM, started, b"")
            raise
        query = resolver.query()
        answer = resolver.ahead(query) or await serving.live.answer(query, one_of_many)
        name = f"{self._worker}{next(self._numbers):08x}"
        body = serving.renderer.visitor_body(name, resolver.unknown, answer)
        served = self._service.counted(serving.generation, answer.source, answer.outcome, started, body)
        self._note(serving, request, answer, name, resolver.age_seconds)
        return served

    def _note(
        self,
        serving: Snapshot,
        request: RecommendationRequest,
        answer: Answer,
        name: str,
        age_seconds: float | None,
    ) -> None:
        """Log the answer, if it belongs to the sample."""
        recommendation_id = f"{answer.source.value}-{name}"
        if self._log.samples(recommendation_id):
            item_id, rows = serving.items.item_id, answer.neighbours.rows.tolist()
            self._log.add(
                recommendation_id,
                request.kind,
                answer.source,
                serving.generation.id,
                request.user_id or request.session_id,
                [item_id(row) for row in rows],
                age_seconds if answer.source is Source.BATCH else None,
            )

    async def answer_all(
        self, batch: Sequence[RecommendationRequest]
    ) -> list[RenderedAnswer | HybridRecsError]:
        """The answers to many, in their order; what is wrong with one question is its answer."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(request: RecommendationRequest) -> RenderedAnswer | HybridRecsError:
            async with gate:
                try:
                    return await self.answer(request, one_of_many=True)
                except (UnknownItemError, BadVectorError) as error:
                    return error

        self._service.serving_for(len(batch))  # raises before a generation is loaded
        return list(await asyncio.gather(*map(one, batch)))
