"""Counts every request once, in memory, and writes the counts to Redis in batches.

Nothing here touches the network on the request path. Counts made while Redis is unreachable are kept, within
bounds, and written when it is back; a batch without a confirmation is sent again and added once.
"""

import logging
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import redis.asyncio

from hybrid_recs.cache.keys import Keys
from hybrid_recs.telemetry import counter_fields, latency_histogram
from hybrid_recs.telemetry.counter_fields import Field
from hybrid_recs.telemetry.item_sampler import HourlyCounts, SampledCounts
from hybrid_recs.types import Outcome, Source

log = logging.getLogger(__name__)

NO_GENERATION = "-"
_MAX_MINUTES_PER_BATCH = 60


@dataclass(frozen=True, slots=True)
class CounterDelta:
    """The counts of one interval: requests by field, seconds of work by source, and requests by item
    (a sample that stands for all)."""

    counts: Counter[Field]
    seconds: dict[Source, float]
    item_requests: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Tally:
    """Requests of one generation, source and outcome: their number by latency bucket, and their seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * latency_histogram.BUCKETS)
    seconds: float = 0.0


_TallyKey = tuple[str, Source, Outcome]


class RequestRecorder:
    """The counters of one worker.

    The fast path calls two bound methods of lists and samplers directly, `record_hit(seconds)` for a request
    answered from memory and `count_item(item_id)` for a request for one known item: a tenth of the cost of
    `record`.
    """

    def __init__(self, keys: Keys, clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._clock = clock
        self._worker = uuid.uuid4().hex
        self._tallies: dict[_TallyKey, _Tally] = defaultdict(_Tally)
        self._hits: list[float] = []
        self._serving = NO_GENERATION
        self._delta = CounterDelta(Counter(), {})
        self._published: str | None = None
        self._by_minute: dict[int, Counter[Field]] = defaultdict(Counter)
        self._misses, self._item_requests = HourlyCounts(), SampledCounts()
        self.record_hit = self._hits.append
        self.count_item = self._item_requests.sample
        self._batch_number = 0
        self._unconfirmed: list[Any] | None = None
        self._unconfirmed_requests = 0

    def record(self, generation: str, source: Source, outcome: Outcome, seconds: float) -> None:
        """Count one request and the time it took."""
        tally = self._tallies[generation, source, outcome]
        tally.buckets[latency_histogram.bucket_of(seconds)] += 1
        tally.seconds += seconds

    def count_miss(self, item_id: str) -> None:
        """Count an item that had to be answered live because it is not hot."""
        self._misses.add(item_id)

    def set_serving(self, generation: str) -> None:
        """From now on hits are counted for this generation."""
        self._close_tallies()
        self._serving = generation

    async def tally_hits(self) -> None:
        """To be called every second or so: hits take little memory however rarely deltas are taken."""
        self._close_tallies()

    def set_published(self, generation: str) -> None:
        """`CURRENT` names this generation: from now on answers of another one count as older. A call of its
        own, so that requests do not pay for it."""
        if generation != self._published:
            self._close_tallies()
            self._published = generation

    def take_delta(self) -> CounterDelta:
        """The counts since the last call, which are now filed under the current minute."""
        now = self._clock()
        self._close_tallies()
        delta, self._delta = self._delta, CounterDelta(Counter(), {})
        if delta.counts:
            self._by_minute[int(now // 60)].update(delta.counts)
        self._misses.close_round(int(now // 3_600))
        delta.item_requests.update(self._item_requests.close_round(int(now // 3_600)))
        self._drop_expired(now)
        return delta

    def _close_tallies(self) -> None:
        """Turn the tallies into the fields that Redis and /metrics use."""
        self._tally_hits()
        tallies, self._tallies = self._tallies, defaultdict(_Tally)
        counts, seconds = self._delta.counts, self._delta.seconds
        for (generation, source, outcome), tally in tallies.items():
            older = generation not in (NO_GENERATION, self._published) and self._published is not None
            seconds[source] = seconds.get(source, 0.0) + tally.seconds
            counts[Field(generation, source, outcome, older=older)] += sum(tally.buckets)
            for bucket, count in enumerate(tally.buckets):
                if count:
                    counts[Field(generation, source, None, bucket)] += count

    def _tally_hits(self) -> None:
        if self._hits:
            hits = self._hits.copy()
            self._hits.clear()  # not a new list: `record_hit` is a method of this one
            tally = self._tallies[self._serving, Source.CACHE, Outcome.HIT]
            tally.buckets = [
                a + b for a, b in zip(tally.buckets, latency_histogram.buckets_of(hits), strict=True)
            ]
            tally.seconds += sum(hits)

    async def flush(self, client: redis.asyncio.Redis) -> None:
        """Write everything that is not written; raises what the client raises, with nothing lost or counted
        twice."""
        while self._next_batch():
            assert self._unconfirmed is not None
            await client.eval(
                counter_fields.ADD_ONCE, 1, self._keys.flushed(self._worker), *self._unconfirmed
            )
            self._unconfirmed, self._unconfirmed_requests = None, 0

    @property
    def unwritten(self) -> int:
        """Requests counted whose batch Redis has not confirmed."""
        in_tallies = sum(sum(tally.buckets) for tally in self._tallies.values()) + len(self._hits)
        in_fields = sum(
            count
            for counts in (*self._by_minute.values(), self._delta.counts)
            for counter, count in counts.items()
            if counter.bucket < 0
        )
        return in_tallies + in_fields + self._unconfirmed_requests

    def _next_batch(self) -> bool:
        """Prepare the next batch, unless one is still unconfirmed; False when nothing is left to write."""
        if self._unconfirmed is not None:
            return True
        if not (self._by_minute or self._misses or self._item_requests):
            return False
        minutes = sorted(self._by_minute)[:_MAX_MINUTES_PER_BATCH]
        self._unconfirmed_requests = sum(
            count
            for minute in minutes
            for counter, count in self._by_minute[minute].items()
            if counter.bucket < 0
        )
        hashes = {
            self._keys.stats(minute): {
                counter.name(): count for counter, count in self._by_minute.pop(minute).items()
            }
            for minute in minutes
        }
        missed = {self._keys.missed(hour): counts for hour, counts in self._misses.take().items()}
        requested = {
            self._keys.requested(hour): counts for hour, counts in self._item_requests.take().items()
        }
        self._batch_number += 1
        self._unconfirmed = counter_fields.arguments(self._batch_number, hashes, missed | requested)
        return True

    def _drop_expired(self, now: float) -> None:
        oldest = int((now - counter_fields.KEEP_SECONDS) // 60)
        for minute in [minute for minute in self._by_minute if minute < oldest]:
            dropped = self._by_minute.pop(minute)
            log.warning("counts of minute %d are dropped after 8 days without Redis: %s", minute, dropped)
        for counts in (self._misses, self._item_requests):
            counts.drop_before(oldest // 60)
