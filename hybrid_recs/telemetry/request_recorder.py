"""Counts every item request once, in memory, and takes the counts to Redis in batches.

Nothing here touches the network on the request path. Counts made while Redis is away are kept, within
bounds, and written when it is back; a batch whose fate is unknown is sent again and added once.
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
    """What was counted in one interval: requests by field, seconds of work by source, and requests by item
    (a sample that stands for all)."""

    counts: Counter[Field]
    seconds: dict[Source, float]
    asked: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Tally:
    """Requests of one generation, source and outcome: their number by latency bucket, and their seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * latency_histogram.BUCKETS)
    seconds: float = 0.0


_TallyKey = tuple[str, Source, Outcome]


class RequestRecorder:
    """The counters of one worker."""

    def __init__(self, keys: Keys, clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._clock = clock
        self._worker = uuid.uuid4().hex
        self._fresh: dict[_TallyKey, _Tally] = defaultdict(_Tally)
        self._hits: list[float] = []
        self._serving = NO_GENERATION
        # Takes the seconds of a request that was answered from memory: the way of nearly every request, and a
        # tenth of what `record` costs.
        self.hit = self._hits.append
        self._settled = CounterDelta(Counter(), {})
        self._published: str | None = None
        self._by_minute: dict[int, Counter[Field]] = defaultdict(Counter)
        self._missed, self._asked = HourlyCounts(), SampledCounts()
        self.asked = self._asked.asked  # of an item that the catalogue has: for every request
        self._number = 0
        self._sending: list[Any] | None = None

    def record(self, generation: str, source: Source, outcome: Outcome, seconds: float) -> None:
        """Count one request and the time it took."""
        tally = self._fresh[generation, source, outcome]
        tally.buckets[latency_histogram.bucket_of(seconds)] += 1
        tally.seconds += seconds

    def missed(self, item_id: str) -> None:
        """Count an item that had to be answered live because it is not hot."""
        self._missed.add(item_id)

    def serves(self, generation: str) -> None:
        """From now on hits are this generation's."""
        self._settle()
        self._serving = generation

    async def tally_hits(self) -> None:
        """Every second or so, so that hits take little memory however seldom deltas are taken."""
        self._settle()

    def published(self, generation: str) -> None:
        """`CURRENT` was seen to name this generation: what another one answers from now on is of an older
        one. Told here and not with every request, so that it costs requests nothing."""
        if generation != self._published:
            self._settle()
            self._published = generation

    def take_delta(self) -> CounterDelta:
        """Move what was counted since the last call under this minute; returns it."""
        now = self._clock()
        self._settle()
        fresh, self._settled = self._settled, CounterDelta(Counter(), {})
        if fresh.counts:
            self._by_minute[int(now // 60)].update(fresh.counts)
        self._missed.close_round(int(now // 3_600))
        fresh.asked.update(self._asked.close_round(int(now // 3_600)))
        self._forget_old(now)
        return fresh

    def _settle(self) -> None:
        """Turn the tallies into the fields that Redis and /metrics know."""
        self._tally_hits()
        tallies, self._fresh = self._fresh, defaultdict(_Tally)
        counts, seconds = self._settled.counts, self._settled.seconds
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
            self._hits.clear()  # and not another list: `hit` is this one's
            tally = self._fresh[self._serving, Source.CACHE, Outcome.HIT]
            tally.buckets = [
                a + b for a, b in zip(tally.buckets, latency_histogram.buckets_of(hits), strict=True)
            ]
            tally.seconds += sum(hits)

    async def flush(self, client: redis.asyncio.Redis) -> None:
        """Write all that is waiting; raises what the client raises, with nothing lost or counted twice."""
        while self._next_batch():
            assert self._sending is not None
            await client.eval(counter_fields.ADD_ONCE, 1, self._keys.flushed(self._worker), *self._sending)
            self._sending = None

    @property
    def waiting(self) -> int:
        """Requests counted but not known to be written."""
        fresh = sum(sum(tally.buckets) for tally in self._fresh.values())
        fresh += len(self._hits)
        delta = (*self._by_minute.values(), self._settled.counts)
        closed = (counts.items() for counts in delta)
        return fresh + sum(n for counts in closed for f, n in counts if f.bucket < 0)

    def _next_batch(self) -> bool:
        """Freeze the next batch, unless one is still unanswered; False when nothing waits."""
        if self._sending is not None:
            return True
        if not (self._by_minute or self._missed or self._asked):
            return False
        minutes = sorted(self._by_minute)[:_MAX_MINUTES_PER_BATCH]
        hashes = {
            self._keys.stats(minute): {f.name(): n for f, n in self._by_minute.pop(minute).items()}
            for minute in minutes
        }
        missed = {self._keys.missed(hour): counts for hour, counts in self._missed.take().items()}
        asked = {self._keys.asked(hour): counts for hour, counts in self._asked.take().items()}
        self._number += 1
        self._sending = counter_fields.arguments(self._number, hashes, missed | asked)
        return True

    def _forget_old(self, now: float) -> None:
        oldest = int((now - counter_fields.KEEP_SECONDS) // 60)
        for minute in [m for m in self._by_minute if m < oldest]:
            lost = self._by_minute.pop(minute)
            log.warning("counts of minute %d are given up after 8 days without Redis: %s", minute, lost)
        for counts in (self._missed, self._asked):
            counts.forget_before(oldest // 60)
