"""Reads of one turn of the event loop go to Redis as one command."""

import asyncio

import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.neighbour_cache import NeighbourCache


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
