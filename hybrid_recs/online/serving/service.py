"""Answers item requests: does the ladder's I/O, swaps generations, keeps the cache filled and the books.

One event loop a worker. A request takes its generation once, at the start, and is answered from that
one alone, whatever is published meanwhile.
"""

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor

import redis.asyncio

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.neighbour_cache import NeighbourCache
from hybrid_recs.errors import CacheUnavailableError, HybridRecsError, NoGenerationError, UnknownItemError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.items.change_feed import ChangeFeed
from hybrid_recs.items.overlay import Overlay
from hybrid_recs.online.serving.json_renderer import RenderedAnswer
from hybrid_recs.online.serving.list_keeper import ListKeeper
from hybrid_recs.online.serving.rising_items import ADMIT_EVERY_SECONDS
from hybrid_recs.online.serving.snapshot import Snapshot, SnapshotFactory, open_and_warm
from hybrid_recs.ranking.recommender import ItemQuery, SearchNeeded
from hybrid_recs.telemetry.request_recorder import NO_GENERATION, RequestRecorder
from hybrid_recs.telemetry.shared_counters import SharedCounters, WorkerGauges
from hybrid_recs.types import Answer, Outcome, Source

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 0.25
_RETRY_SECONDS = 10.0
_GATHER_SECONDS = 1.0
_STOP_SECONDS = 5.0
# Python 3.11 looks a member up by a call of its own.
_CACHE, _HIT, _TAIL, _LIST_MISSING = Source.CACHE, Outcome.HIT, Outcome.TAIL, Outcome.LIST_MISSING


class Service:
    """The state of one worker."""

    def __init__(
        self,
        store: GenerationStore,
        keys: Keys,
        cache: NeighbourCache,
        background: redis.asyncio.Redis,
        keeper: ListKeeper,
        counters: SharedCounters,
        recorder: RequestRecorder,
        snapshots: SnapshotFactory,
        feed: ChangeFeed,
        threads: Executor,
        poll_seconds: float,
        flush_seconds: float,
    ) -> None:
        self.counters = counters
        self._store = store
        self._keys = keys
        self._cache = cache
        self._background = background
        self._keeper = keeper
        self._snapshots = snapshots
        self._feed = feed
        self._threads = threads
        self._poll_seconds = poll_seconds
        self._flush_seconds = flush_seconds
        self._recorder = recorder
        self._serving: Snapshot | None = None
        self._failed: tuple[str, float] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._errors_reported = 0
        self._stopping = asyncio.Event()

    @property
    def generation(self) -> Generation | None:
        """The generation that new requests are answered from."""
        return self._serving.generation if self._serving else None

    @property
    def serving(self) -> Snapshot:
        """All that new requests are answered from; raises NoGenerationError before there is something."""
        if self._serving is None:
            raise NoGenerationError("no generation is loaded yet")
        return self._serving

    def serving_for(self, requests: int) -> Snapshot:
        """`serving`, for so many requests: they are counted if there is nothing to answer them from."""
        if self._serving is None:
            for _ in range(requests):
                self._recorder.record(NO_GENERATION, Source.NONE, Outcome.NOT_READY, 0.0)
        return self.serving

    @property
    def cache_available(self) -> bool:
        """Whether Redis answered when last asked."""
        return self._cache.available

    async def start(self) -> None:
        """Load what is published and begin to watch, keep and flush."""
        await self._look_for_generation()
        # What is loaded by now stays: looking through it again for garbage takes 50 ms, in mid-traffic.
        gc.freeze()
        if self._serving is None:
            log.warning("not ready: no generation in %s yet; run make rebuild-index", self._store.root)
        self._tasks = [
            asyncio.create_task(self._every(self._poll_seconds, self._look_for_generation)),
            asyncio.create_task(self._every(LOOK_EVERY_SECONDS, self.look_for_changes)),
            asyncio.create_task(self._every(_GATHER_SECONDS, self._recorder.tally_hits)),
            asyncio.create_task(self._every(self._flush_seconds, self._flush_counters)),
            asyncio.create_task(self._every(self._flush_seconds, self._keep_lists)),
            asyncio.create_task(self._every(ADMIT_EVERY_SECONDS, self._admit_rising)),
        ]

    async def stop(self) -> None:
        """End the background work and write what was counted."""
        self._stopping.set()
        if self._tasks:
            # Ended by a flag, not by cancelling: a client library may take a cancellation for a timeout.
            await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
        await self._flush_counters()
        if self._recorder.waiting:
            log.warning("%d counted requests could not be written to Redis", self._recorder.waiting)
        await self._cache.close()
        await self._background.aclose()
        self._threads.shutdown(wait=False)

    def remembered(self, item_id: str, k: int) -> RenderedAnswer | None:
        """The answer to a plain request, if it is in this worker's memory; counted then.

        The way of most requests: every call less shows in what the service can answer.
        """
        started = time.perf_counter()
        serving = self._serving
        if serving is None or (body := serving.local.get(item_id, k)) is None:
            return None
        seconds = time.perf_counter() - started
        recorder = self._recorder
        recorder.hit(seconds)
        recorder.asked(item_id)
        return RenderedAnswer(_CACHE, seconds, body)

    async def recommend(
        self, item_id: str, k: int, exclude: Sequence[str] = (), unknown_is_error: bool = False
    ) -> RenderedAnswer:
        """Answer one request that is not `remembered`, and count it.

        Raises NoGenerationError before a generation is loaded, and UnknownItemError where that is asked for.
        """
        started = time.perf_counter()
        serving = self.serving_for(1)
        generation = serving.generation
        row = serving.items.row(item_id)
        if row is None and unknown_is_error:
            self.counted(generation, Source.NONE, Outcome.UNKNOWN_ITEM, started, b"")
            raise UnknownItemError(item_id)
        encoded: bytes | Outcome = _TAIL
        if row is not None:
            self._recorder.asked(item_id)
            if serving.recommender.is_hot(row) or row in serving.rising:
                try:
                    found = await self._cache.get(self._keys.neighbours(generation.id, item_id))
                    encoded = _LIST_MISSING if found is None else found
                except CacheUnavailableError:
                    encoded = Outcome.CACHE_UNAVAILABLE
        source, outcome, body = _CACHE, _HIT, None
        if not exclude and isinstance(encoded, bytes):
            body = serving.head(item_id, k, encoded)
        if body is None:
            query = ItemQuery(row, k, serving.rows(exclude))
            answer = await self._answer(serving, query, item_id, encoded)
            source, outcome, body = answer.source, answer.outcome, serving.renderer.body(item_id, answer)
        if source is _CACHE and not exclude:
            serving.local.put(item_id, k, body)
        return self.counted(generation, source, outcome, started, body)

    def counted(
        self, generation: Generation, source: Source, outcome: Outcome, started: float, body: bytes
    ) -> RenderedAnswer:
        """An answer that was begun at `started` (of the performance counter), counted."""
        seconds = time.perf_counter() - started
        self._recorder.record(generation.id, source, outcome, seconds)
        return RenderedAnswer(source, seconds, body)

    async def _answer(
        self, serving: Snapshot, query: ItemQuery, item_id: str, encoded: bytes | Outcome
    ) -> Answer:
        """Run the fallback chain on what the cache had: an encoded list, or why there is none."""
        cached = encoded if isinstance(encoded, Outcome) else serving.recommender.decode(encoded)
        if cached is _LIST_MISSING and query.row is not None:
            cached = self._missing(serving, query.row)
        answer = serving.recommender.without_search(query, cached)
        if not isinstance(answer, SearchNeeded):
            return answer
        assert query.row is not None
        outcome = answer.outcome
        if outcome is _TAIL:
            self._recorder.missed(item_id)
            if serving.rising.asked(query.row):
                outcome = Outcome.RISING
        return Answer(answer.source, outcome, await serving.live.neighbours(query))

    def _missing(self, serving: Snapshot, row: int) -> Outcome:
        """Have a list that Redis should hold written again; returns why it is not there."""
        if not serving.recommender.is_hot(row):
            serving.rising.missing(row)
            return Outcome.RISING_LIST_MISSING
        self._keeper.missing(serving.generation, row)
        loaded = self._keeper.loaded(serving.generation)
        return _LIST_MISSING if loaded else Outcome.LIST_NOT_LOADED

    async def _look_for_generation(self) -> None:
        """Load what `CURRENT` names, beside what is serving, and swap one reference."""
        wanted = self._store.current()
        serving = self.generation.id if self.generation else None
        if wanted is not None:
            self._recorder.published(wanted)
        if wanted is None or wanted == serving or self._failed_lately(wanted):
            return
        try:
            generation = await asyncio.to_thread(open_and_warm, self._store, wanted)
            overlay = await asyncio.to_thread(self._feed.overlay_of, generation)
        except (HybridRecsError, OSError, ValueError) as error:
            self._failed = (wanted, time.monotonic())
            log.error("generation %s cannot be loaded, %s goes on: %s", wanted, serving or "nothing", error)
            return
        self._recorder.serves(generation.id)
        self._serving = self._snapshots.create(generation, overlay)
        self._failed = None
        log.info(
            "serving generation %s: %d items, %d hot", wanted, len(generation.catalogue), len(generation.hot)
        )

    def change(self, overlay: Overlay) -> None:
        """From now on answer with other new and hidden items."""
        if self._serving is not None:
            self._serving = self._serving.changed(overlay)

    async def look_for_changes(self) -> None:
        """Answer with the new and hidden items there are; what was written before this was called counts."""
        while (serving := self._serving) is not None:
            overlay = await asyncio.to_thread(self._feed.overlay_of, serving.generation)
            if self._serving is serving:
                if overlay is not serving.overlay:
                    self.change(overlay)
                return

    def _failed_lately(self, generation: str) -> bool:
        if self._failed is None or self._failed[0] != generation:
            return False
        return time.monotonic() - self._failed[1] < _RETRY_SECONDS

    async def _keep_lists(self) -> None:
        if self.generation is not None and self._cache.available:
            with contextlib.suppress(*UNREACHABLE):
                await self._keeper.keep(self._background, self.generation)

    async def _admit_rising(self) -> None:
        if self._serving is not None and self._cache.available:
            with contextlib.suppress(*UNREACHABLE):
                await self._serving.rising.admit(self._background, self._threads)

    def share_counters(self) -> None:
        """Bring what was counted since the last time into the counters that workers share."""
        errors, delta, serving = self._cache.errors, self._recorder.take_delta(), self._serving
        hot = serving.hot_requests(delta.asked) if serving is not None else 0
        self.counters.add(delta, errors - self._errors_reported, hot)
        self._errors_reported = errors
        if serving is not None:
            self.counters.hold(WorkerGauges(len(serving.local), serving.local.taken, len(serving.rising)))
        self.counters.tell(self._cache.available, serving.generation.manifest if serving else None)

    async def _flush_counters(self) -> None:
        self.share_counters()
        with contextlib.suppress(*UNREACHABLE):
            await self._recorder.flush(self._background)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Repeat; a fault in one round is logged and does not end the next."""
        while not self._stopping.is_set():
            try:
                await work()
            except Exception:
                log.exception("background work failed and will be tried again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
