"""Probes whether Redis answers and takes writes, so that trouble shows without requests."""

import redis.asyncio

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.redis_problems import describe, describe_probe
from hybrid_recs.health import DependencyHealth

PROBE_SECONDS = 0.5
# A write may cost the server an fsync. While writes fail, each probe tries one.
_PROBES_PER_WRITE = 10
_KEEP_SECONDS = 60


class RedisProbe:
    """One per worker. client: fails after a second or two."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, health: DependencyHealth) -> None:
        self._client = client
        self._key = keys.probe()
        self._probes = 0
        self._health = health
        self._connection, self._writes = health.check("connection"), health.check("writes")

    async def run(self) -> None:
        """Probe once; never raises what the client raises."""
        try:
            await self._client.ping()
        except UNREACHABLE as error:
            self._connection.record_failure(describe_probe(error))
            return
        self._connection.record_success()
        self._health.record_reachable()
        if self._writes.failing or self._probes % _PROBES_PER_WRITE == 0:
            await self._write()
        self._probes += 1

    async def _write(self) -> None:
        try:
            await self._client.set(self._key, 1, ex=_KEEP_SECONDS)
        except UNREACHABLE as error:
            self._writes.record_failure(describe(error))
        else:
            self._writes.record_success()
