"""Reads how far the consumers of events are behind."""

import redis.asyncio

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.redis_problems import describe
from hybrid_recs.health import Check
from hybrid_recs.telemetry.consumer_lag import LAG, ConsumerLag, lag_arguments, read_lag


class ConsumerLagReader:
    """The reader of one worker."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, check: Check) -> None:
        self._check = check
        self._client = client
        self._keys = keys

    async def read(self) -> ConsumerLag | None:
        """The lag now; None while Redis is unreachable."""
        try:
            lag = read_lag(await self._client.eval(LAG, *lag_arguments(self._keys)))
        except UNREACHABLE as error:
            self._check.record_failure(describe(error))
            return None
        self._check.record_success()
        return lag
