"""Reads of one turn of the event loop go to Redis as one command."""

import asyncio

import pytest
import redis

from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.neighbour_cache import NeighbourCache
from hybrid_recs.errors import CacheUnavailableError
from hybrid_recs.health import separate_check
from tests.services import OwnRedis


def _mgets(client: redis.Redis) -> int:
    return int(client.info("commandstats").get("cmdstat_mget", {"calls": 0})["calls"])


def test_concurrent_reads_are_merged(client: redis.Redis, keys: Keys, redis_url: str) -> None:
    names = [keys.neighbours("g", f"item {at}") for at in range(64)]
    for at, name in enumerate(names):
        client.set(name, f"list {at}", ex=60)

    async def read(rounds: int) -> list[bytes | None]:
        cache = NeighbourCache(redis_url, 1.0)
        try:
            for _ in range(rounds):
                values = await asyncio.gather(*map(cache.get, [*names, "none"]))
            return list(values)
        finally:
            await cache.close()

    before = _mgets(client)
    assert asyncio.run(read(5)) == [*(b"list %d" % at for at in range(64)), None]
    assert _mgets(client) - before == 5


def test_a_read_that_is_late_once_is_told_to_the_check(own_redis: OwnRedis) -> None:
    """Redis pauses for one and a half timeouts: the read fails, and the first probe may succeed."""
    check = separate_check("list_reads")

    async def read() -> None:
        cache = NeighbourCache(own_redis.url, 0.1, check)
        try:
            assert await cache.get("key") is None
            assert (check.failing, check.failures) == (False, 0)
            client.client_pause(150)
            with pytest.raises(CacheUnavailableError):
                await cache.get("key")
            assert check.failing
            assert check.problem.text.startswith("Redis does not answer in time")
        finally:
            await cache.close()

    with connect(own_redis.url) as client:
        asyncio.run(read())
