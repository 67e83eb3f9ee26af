"""Logs a sample of the served recommendations, to be joined with what visitors do next.

Requests append to a bounded buffer in memory; a background task writes it to a Redis stream. No request waits
for the log: entries that do not fit or cannot be written are dropped and counted.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import redis.asyncio

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.redis_problems import describe
from hybrid_recs.events.impression import Impression, is_sampled
from hybrid_recs.health import Check, separate_check
from hybrid_recs.types import Source

MAX_WAITING = 10_000
MAX_KEPT = 200_000


class ImpressionLog:
    """The log of one worker. dropped: sampled entries that never reached the stream."""

    def __init__(
        self,
        keys: Keys,
        share: float,
        clock: Callable[[], float] = time.time,
        max_waiting: int = MAX_WAITING,
        max_kept: int = MAX_KEPT,
        check: Check | None = None,
    ) -> None:
        self.dropped = 0
        self._keys = keys
        self._share = share
        self._clock = clock
        self._max_kept = max_kept
        self._check = check or separate_check("impressions")
        self._waiting: deque[Impression] = deque(maxlen=max_waiting)

    @property
    def waiting(self) -> int:
        """Entries not yet written."""
        return len(self._waiting)

    def samples(self, recommendation_id: str) -> bool:
        """Whether an answer belongs to the sample; checked before its item ids are looked up."""
        return is_sampled(recommendation_id, self._share)

    def add(
        self,
        recommendation_id: str,
        kind: str,
        source: Source,
        generation: str,
        visitor: str | None,
        items: Sequence[str],
        age_seconds: float | None,
    ) -> None:
        """Add one answer of the sample; when the buffer is full, its oldest entry is dropped."""
        self.dropped += len(self._waiting) == self._waiting.maxlen
        self._waiting.append(
            Impression(
                recommendation_id, self._clock(), kind, source, generation, visitor, items, age_seconds
            )
        )

    async def flush(self, client: redis.asyncio.Redis) -> None:
        """Write all waiting entries in one round trip; drop them when Redis is unreachable."""
        if not self._waiting:
            return
        batch = list(self._waiting)
        self._waiting.clear()
        pipeline = client.pipeline(transaction=False)
        for impression in batch:
            fields: Any = impression.fields()
            pipeline.xadd(self._keys.impressions(), fields, maxlen=self._max_kept, approximate=True)
        try:
            await pipeline.execute()
        except UNREACHABLE as error:
            self.dropped += len(batch)
            self._check.record_failure(describe(error))
        else:
            self._check.record_success()
