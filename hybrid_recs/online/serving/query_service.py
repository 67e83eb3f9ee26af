"""Answers queries of every kind. Those for more than one item are resolved into one query over rows.

Sessions and users are read first, in one round trip each. A precomputed list is the answer if the visitor was
not active since; otherwise the query is answered by live search.
"""

import asyncio
import itertools
import secrets
import time
from collections.abc import Sequence

from hybrid_recs.errors import BadVectorError, HybridRecsError, UnknownItemError
from hybrid_recs.online.serving.item_query_service import ItemQueryService
from hybrid_recs.online.serving.query import RecommendationRequest
from hybrid_recs.online.serving.query_resolver import QueryResolver
from hybrid_recs.online.serving.rendered_answer import RenderedAnswer
from hybrid_recs.online.serving.snapshot import Snapshot
from hybrid_recs.online.visitors.impression_log import ImpressionLog
from hybrid_recs.online.visitors.state_reader import VisitorState, VisitorStateReader
from hybrid_recs.types import Answer, Outcome, Source

# Queries of one batch that run at the same time: each may hold a Redis connection.
_MAX_CONCURRENT = 64


class QueryService:
    """One per worker; belongs to its event loop."""

    def __init__(
        self, items: ItemQueryService, visitors: VisitorStateReader, impressions: ImpressionLog
    ) -> None:
        self._items = items
        self._visitors = visitors
        self._impressions = impressions
        self._worker = secrets.token_hex(4)
        self._numbers = itertools.count()

    async def answer(self, request: RecommendationRequest, in_batch: bool = False) -> RenderedAnswer:
        """Answer and count one request.

        Raises NoGenerationError, UnknownItemError (if the request says so) and BadVectorError.
        """
        plain_item = request.plain_item
        if plain_item is not None:
            is_error = request.on_unknown == "error"
            return await self._items.recommend(plain_item, request.k, request.exclude, is_error)
        started = time.perf_counter()
        snapshot = self._items.snapshot_for(1)
        session, user = await self._visitor(request, snapshot)
        try:
            resolver = QueryResolver(snapshot, request, session, user)
        except UnknownItemError:
            self._items.record(snapshot, Source.NONE, Outcome.UNKNOWN_ITEM, started, b"")
            raise
        query = resolver.query()
        answer = resolver.precomputed(query) or await snapshot.live.answer(query, in_batch)
        name = f"{self._worker}{next(self._numbers):08x}"
        body = snapshot.renderer.query_body(name, resolver.unknown, answer)
        rendered = self._items.record(snapshot, answer.source, answer.outcome, started, body)
        self._log(snapshot, request, answer, name, resolver.age_seconds)
        return rendered

    async def answer_all(
        self, batch: Sequence[RecommendationRequest]
    ) -> list[RenderedAnswer | HybridRecsError]:
        """The answers in the order of the batch; a request that is not valid gets its error.

        Raises NoGenerationError.
        """
        slots = asyncio.Semaphore(_MAX_CONCURRENT)

        async def answer_or_error(request: RecommendationRequest) -> RenderedAnswer | HybridRecsError:
            async with slots:
                try:
                    return await self.answer(request, in_batch=True)
                except (UnknownItemError, BadVectorError) as error:
                    return error

        self._items.snapshot_for(len(batch))  # raises before a generation is loaded
        return list(await asyncio.gather(*map(answer_or_error, batch)))

    async def _visitor(
        self, request: RecommendationRequest, snapshot: Snapshot
    ) -> tuple[VisitorState, VisitorState]:
        """The states of the session and of the user; empty ones where the request names none."""
        session = user = VisitorState()
        if request.session_id:
            session = await self._visitors.session(request.session_id)
        if request.user_id:
            spelt = snapshot.generation.catalogue.id_rules.spell(request.user_id)
            user = await self._visitors.user(request.user_id, spelt, snapshot.generation.id)
        return session, user

    def _log(
        self,
        snapshot: Snapshot,
        request: RecommendationRequest,
        answer: Answer,
        name: str,
        age_seconds: float | None,
    ) -> None:
        """Add the answer to the impression log, if it belongs to the sample."""
        recommendation_id = f"{answer.source.value}-{name}"
        if self._impressions.samples(recommendation_id):
            self._impressions.add(
                recommendation_id,
                request.kind,
                answer.source,
                snapshot.generation.id,
                request.user_id or request.session_id,
                [snapshot.items.shown(row)[0] for row in answer.neighbours.rows.tolist()],
                age_seconds if answer.source is Source.BATCH else None,
            )
