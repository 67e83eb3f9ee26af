"""Answers queries for one item, and holds the snapshot that every query of the worker is answered from.

A request takes its snapshot once, at the start, and is answered from that one alone, whatever is published
meanwhile.
"""

import time
from collections.abc import Sequence

from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.neighbour_cache import NeighbourCache
from hybrid_recs.errors import CacheUnavailableError, NoGenerationError, UnknownItemError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.online.serving.list_keeper import ListKeeper
from hybrid_recs.online.serving.rendered_answer import RenderedAnswer
from hybrid_recs.online.serving.snapshot import Snapshot
from hybrid_recs.ranking.recommender import ItemQuery, SearchNeeded
from hybrid_recs.telemetry.request_recorder import NO_GENERATION, RequestRecorder
from hybrid_recs.types import Answer, Outcome, Source

# Python 3.11 looks an enum's member up by a call; a global costs a tenth of that.
_CACHE, _HIT, _TAIL, _LIST_MISSING = Source.CACHE, Outcome.HIT, Outcome.TAIL, Outcome.LIST_MISSING


class ItemQueryService:
    """One per worker; belongs to its event loop."""

    def __init__(
        self, keys: Keys, cache: NeighbourCache, keeper: ListKeeper, recorder: RequestRecorder
    ) -> None:
        self._keys = keys
        self._cache = cache
        self._keeper = keeper
        self._recorder = recorder
        # Held here and not by what watches for generations: `local_answer` reads it for every request.
        self._snapshot: Snapshot | None = None

    def serve(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on; requests in flight keep theirs."""
        self._snapshot = snapshot

    @property
    def snapshot(self) -> Snapshot | None:
        """What new requests are answered from; None before a generation is loaded."""
        return self._snapshot

    @property
    def generation(self) -> Generation | None:
        return self._snapshot.generation if self._snapshot else None

    def require_snapshot(self) -> Snapshot:
        """The snapshot; raises NoGenerationError before a generation is loaded."""
        if self._snapshot is None:
            raise NoGenerationError("no generation is loaded yet")
        return self._snapshot

    def snapshot_for(self, requests: int) -> Snapshot:
        """`require_snapshot` for so many requests, which are counted as not answered if it raises."""
        if self._snapshot is None:
            for _ in range(requests):
                self._recorder.record(NO_GENERATION, Source.NONE, Outcome.NOT_READY, 0.0)
        return self.require_snapshot()

    def local_answer(self, item_id: str, k: int) -> RenderedAnswer | None:
        """The answer to a plain request if it is in this worker's response cache; it is counted then.

        The hot path: every extra call or attribute costs throughput.
        """
        started = time.perf_counter()
        snapshot = self._snapshot
        if snapshot is None or (body := snapshot.responses.get(item_id, k)) is None:
            return None
        seconds = time.perf_counter() - started
        recorder = self._recorder
        recorder.record_hit(seconds)
        recorder.count_item(item_id)
        return RenderedAnswer(_CACHE, seconds, body)

    async def recommend(
        self, item_id: str, k: int, exclude: Sequence[str] = (), unknown_is_error: bool = False
    ) -> RenderedAnswer:
        """Answer and count one request that has no `local_answer`.

        Raises NoGenerationError before a generation is loaded, and UnknownItemError if `unknown_is_error`.
        """
        started = time.perf_counter()
        snapshot = self.snapshot_for(1)
        row = snapshot.items.row(item_id)
        if row is None and unknown_is_error:
            self.record(snapshot, Source.NONE, Outcome.UNKNOWN_ITEM, started, b"")
            raise UnknownItemError(item_id)
        encoded: bytes | Outcome = _TAIL
        if row is not None:
            item_id = snapshot.items.item_id(row)  # as the generation spells it
            self._recorder.count_item(item_id)
            if snapshot.recommender.is_hot(row) or snapshot.rising.touch(row):
                encoded = await self._cached(snapshot.generation.id, item_id)
        source, outcome, body = _CACHE, _HIT, None
        if not exclude and isinstance(encoded, bytes):
            body = snapshot.body_of_list(item_id, k, encoded)
        if body is None:
            query = ItemQuery(row, k, snapshot.rows(exclude))
            answer = await self._answer(snapshot, query, item_id, encoded)
            source, outcome, body = (
                answer.source,
                answer.outcome,
                snapshot.renderer.item_body(item_id, answer),
            )
        if source is _CACHE and not exclude:
            snapshot.responses.put(item_id, k, body)
        return self.record(snapshot, source, outcome, started, body)

    def record(
        self, snapshot: Snapshot, source: Source, outcome: Outcome, started: float, body: bytes
    ) -> RenderedAnswer:
        """Count a request that arrived at `started` (of the performance counter); returns its answer."""
        seconds = time.perf_counter() - started
        self._recorder.record(snapshot.generation.id, source, outcome, seconds)
        return RenderedAnswer(source, seconds, body)

    async def _cached(self, generation: str, item_id: str) -> bytes | Outcome:
        """The encoded list in Redis, or why there is none."""
        try:
            encoded = await self._cache.get(self._keys.neighbours(generation, item_id))
        except CacheUnavailableError:
            return Outcome.CACHE_UNAVAILABLE
        return _LIST_MISSING if encoded is None else encoded

    async def _answer(
        self, snapshot: Snapshot, query: ItemQuery, item_id: str, encoded: bytes | Outcome
    ) -> Answer:
        """Run the fallback chain on what the cache had: an encoded list, or why there is none."""
        cached = encoded if isinstance(encoded, Outcome) else snapshot.recommender.decode(encoded)
        if cached is _LIST_MISSING and query.row is not None:
            cached = self._request_list(snapshot, query.row)
        answer = snapshot.recommender.answer_without_search(query, cached)
        if not isinstance(answer, SearchNeeded):
            return answer
        assert query.row is not None
        outcome = answer.outcome
        if outcome is _TAIL:
            self._recorder.count_miss(item_id)
            if snapshot.rising.count(query.row):
                outcome = Outcome.RISING
        return Answer(answer.source, outcome, await snapshot.live.neighbours(query))

    def _request_list(self, snapshot: Snapshot, row: int) -> Outcome:
        """Have a list that Redis should hold written again; returns why it is not there."""
        if not snapshot.recommender.is_hot(row):
            snapshot.rising.restore(row)
            return Outcome.RISING_LIST_MISSING
        self._keeper.restore(snapshot.generation, row)
        loaded = self._keeper.loaded(snapshot.generation)
        return _LIST_MISSING if loaded else Outcome.LIST_NOT_LOADED
