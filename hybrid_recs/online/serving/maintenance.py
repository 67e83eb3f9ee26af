"""The background work of a worker: counters, the lists in Redis, rising items, its health."""

import logging
from collections.abc import Awaitable
from concurrent.futures import Executor

import redis.asyncio

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.neighbour_cache import NeighbourCache
from hybrid_recs.cache.redis_problems import describe
from hybrid_recs.health import REVIEW_SECONDS, Check, Health
from hybrid_recs.online.serving.item_query_service import ItemQueryService
from hybrid_recs.online.serving.list_keeper import ListKeeper
from hybrid_recs.online.serving.periodic_jobs import PeriodicJob
from hybrid_recs.online.serving.redis_probe import PROBE_SECONDS, RedisProbe
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
        probe: RedisProbe,
        health: Health,
        threads: Executor,
        flush_seconds: float,
    ) -> None:
        self.health = health
        self._service = service
        self._recorder = recorder
        self._counters = counters
        self._cache = cache
        self._keeper = keeper
        self._client = client
        self._probe = probe
        self._counting = health.redis.check("counters")
        self._list_writes = health.redis.check("list_writes")
        self._rising_lists = health.redis.check("rising_lists")
        self._threads = threads
        self._flush_seconds = flush_seconds
        self._reported_errors = 0

    def jobs(self) -> list[PeriodicJob]:
        """Probe Redis, review the health, tally and flush counters, keep lists in Redis, admit rising
        items."""
        return [
            PeriodicJob(PROBE_SECONDS, self._probe.run),
            PeriodicJob(REVIEW_SECONDS, self._review),
            PeriodicJob(_TALLY_SECONDS, self._recorder.tally_hits),
            PeriodicJob(self._flush_seconds, self._flush_counters),
            PeriodicJob(self._flush_seconds, self._keep_lists),
            PeriodicJob(ADMIT_EVERY_SECONDS, self._admit_rising),
        ]

    async def close(self) -> None:
        """Write the last counts and close the connections."""
        await self._flush_counters()
        if lost := self._recorder.unwritten:
            log.warning(
                "%d counted requests could not be written to Redis and are lost: %s",
                lost,
                self._counting.problem.text,
            )
        self.health.review()
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
                WorkerGauges(
                    len(responses), responses.size_bytes, len(snapshot.rising), self._recorder.unwritten
                )
            )
        self._counters.set_state(
            self.health.cache_available, snapshot.generation.manifest if snapshot else None
        )
        self._counters.set_health(self.health)
        return self._counters

    async def _flush_counters(self) -> None:
        self.shared_counters()
        await _use(self._counting, self._recorder.flush(self._client))

    async def _keep_lists(self) -> None:
        generation = self._service.generation
        if generation is not None and self._cache.available:
            await _use(self._list_writes, self._keeper.keep(self._client, generation))

    async def _admit_rising(self) -> None:
        snapshot = self._service.snapshot
        if snapshot is not None and self._cache.available:
            await _use(self._rising_lists, snapshot.rising.admit(self._client, self._threads))

    async def _review(self) -> None:
        self.health.review()


async def _use(check: Check, work: Awaitable[None]) -> None:
    """Do `work` with Redis, and tell the check how it went."""
    try:
        await work
    except UNREACHABLE as error:
        check.record_failure(describe(error))
    else:
        check.record_success()
