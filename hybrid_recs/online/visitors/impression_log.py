"""Logs a sample of the predictions served, to be joined with what visitors do next.

Requests append to memory, within a bound; the background writes to a Redis stream. A log is not worth a wait:
what does not fit, or cannot be written, is dropped and counted.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import redis.asyncio

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.events.impression import Impression, is_sampled
from hybrid_recs.types import Source

log = logging.getLogger(__name__)

MAX_WAITING = 10_000
MAX_KEPT = 200_000


class ImpressionLog:
    """The log of one worker; `dropped` counts what was sampled and is not in the stream."""

    def __init__(
        self,
        keys: Keys,
        share: float,
        clock: Callable[[], float] = time.time,
        most_waiting: int = MAX_WAITING,
        most_kept: int = MAX_KEPT,
    ) -> None:
        self.dropped = 0
        self._keys = keys
        self._share = share
        self._clock = clock
        self._most_kept = most_kept
        self._waiting: deque[Impression] = deque(maxlen=most_waiting)

    @property
    def waiting(self) -> int:
        """Predictions not yet written."""
        return len(self._waiting)

    def samples(self, recommendation_id: str) -> bool:
        """Whether an answer belongs to the sample; asked before its items are named."""
        return is_sampled(recommendation_id, self._share)

    def served(
        self,
        recommendation_id: str,
        kind: str,
        source: Source,
        generation: str,
        visitor: str | None,
        items: Sequence[str],
        age_seconds: float | None,
    ) -> None:
        """Note one answer, if it belongs to the sample; the oldest waiting makes room for it."""
        if not self.samples(recommendation_id):
            return
        self.dropped += len(self._waiting) == self._waiting.maxlen
        self._waiting.append(
            Impression(
                recommendation_id, self._clock(), kind, source, generation, visitor, items, age_seconds
            )
        )

    async def flush(self, client: redis.asyncio.Redis) -> None:
        """Write all that is waiting in one round trip, or drop it when Redis is away."""
        if not self._waiting:
            return
        sending = list(self._waiting)
        self._waiting.clear()
        pipeline = client.pipeline(transaction=False)
        for one in sending:
            fields: Any = one.fields()
            pipeline.xadd(self._keys.impressions(), fields, maxlen=self._most_kept, approximate=True)
        try:
            await pipeline.execute()
        except UNREACHABLE as error:
            self.dropped += len(sending)
            log.warning("%d logged predictions are dropped: %r", len(sending), error)
