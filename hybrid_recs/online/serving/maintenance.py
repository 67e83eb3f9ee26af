"""The background work of a worker: counters, the lists in Redis, rising items."""

import contextlib
import logging
from concurrent.futures import Executor

import redis.asyncio

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.neighbour_cache import NeighbourCache
from hybrid_recs.online.serving.item_query_service import ItemQueryService
from hybrid_recs.online.serving.list_keeper import ListKeeper
from hybrid_recs.online.serving.periodic_jobs import PeriodicJob
from hybrid_recs.online.serving.rising_items import ADMIT_EVERY_SECONDS
from hybrid_recs.telemetry.request_recorder import RequestRecorder
from hybrid_recs.telemetry.shared_counters import SharedCounters, WorkerGauges

log = logging.getLogger(__name__)

_TALLY_SECONDS = 1.0


class Maintenance:
    """One per worker. client: fails fast. threads: for searches; shut down at the end."""

    def __init__(
        self,
        service: ItemQueryService,
        recorder: RequestRecorder,
        counters: SharedCounters,
        cache: NeighbourCache,
        keeper: ListKeeper,
        client: redis.asyncio.Redis,
        threads: Executor,
        flush_seconds: float,
    ) -> None:
        self._service = service
        self._recorder = recorder
        self._counters = counters
        self._cache = cache
        self._keeper = keeper
        self._client = client
        self._threads = threads
        self._flush_seconds = flush_seconds
        self._reported_errors = 0

    def jobs(self) -> list[PeriodicJob]:
        """Tally and flush counters, keep lists in Redis, admit rising items."""
        return [
            PeriodicJob(_TALLY_SECONDS, self._recorder.tally_hits),
            PeriodicJob(self._flush_seconds, self._flush_counters),
            PeriodicJob(self._flush_seconds, self._keep_lists),
            PeriodicJob(ADMIT_EVERY_SECONDS, self._admit_rising),
        ]

    async def close(self) -> None:
        """Write the last counts and close the connections."""
        await self._flush_counters()
        if self._recorder.unwritten:
            log.warning("%d counted requests could not be written to Redis", self._recorder.unwritten)
        await self._cache.close()
        await self._client.aclose()
        self._threads.shutdown(wait=False)

    def shared_counters(self) -> SharedCounters:
        """The counters of all workers, with this worker's requests up to now."""
        snapshot, delta, errors = self._service.snapshot, self._recorder.take_delta(), self._cache.errors
        hot = snapshot.hot_requests(delta.item_requests) if snapshot else 0
        self._counters.add(delta, errors - self._reported_errors, hot)
        self._reported_errors = errors
        if snapshot is not None:
            responses = snapshot.responses
            self._counters.set_gauges(
                WorkerGauges(len(responses), responses.size_bytes, len(snapshot.rising))
            )
        self._counters.set_state(self._cache.available, snapshot.generation.manifest if snapshot else None)
        return self._counters

    async def _flush_counters(self) -> None:
        self.shared_counters()
        with contextlib.suppress(*UNREACHABLE):
            await self._recorder.flush(self._client)

    async def _keep_lists(self) -> None:
        generation = self._service.generation
        if generation is not None and self._cache.available:
            with contextlib.suppress(*UNREACHABLE):
                await self._keeper.keep(self._client, generation)

    async def _admit_rising(self) -> None:
        snapshot = self._service.snapshot
        if snapshot is not None and self._cache.available:
            with contextlib.suppress(*UNREACHABLE):
                await snapshot.rising.admit(self._client, self._threads)
