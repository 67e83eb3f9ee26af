"""Replies that no Redis gives: no read waits for ever, and no wrong value is one."""

import asyncio
import logging

import pytest
import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.neighbour_cache import NeighbourCache
from hybrid_recs.errors import CacheUnavailableError
from tests.cache.nonsense_redis import DAMAGES, NonsenseRedis

# Only a checksum of the key would tell these from right replies.
_MISDIRECTED = {"wrong order", "another array first", "one bit flipped", "nested other text"}
_TIMEOUT = 0.5


@pytest.fixture
def names(client: redis.Redis, keys: Keys) -> list[str]:
    names = [keys.neighbours("g", f"item {number}") for number in range(3)]
    for name in names:
        client.set(name, name, ex=60)
    return names


async def _read(cache: NeighbourCache, names: list[str]) -> list[bytes | BaseException | None]:
    """One read after the other in the same turn of the loop, so that they are one MGET."""
    reads: list[asyncio.Future[bytes | None]] = []
    for name in names:
        try:
            reads.append(cache.get(name))
        except CacheUnavailableError:
            return [CacheUnavailableError()]
    async with asyncio.timeout(10):
        return list(await asyncio.gather(*reads, return_exceptions=True))


@pytest.mark.parametrize("kind", sorted(DAMAGES.keys() - _MISDIRECTED))
def test_a_reply_of_another_shape_is_an_unavailable_cache(
    kind: str, names: list[str], redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    right = [name.encode() for name in names]

    async def run() -> None:
        proxy = NonsenseRedis(redis_url, seed=1)
        server = await proxy.start()
        cache = NeighbourCache(proxy.url, _TIMEOUT)
        try:
            assert await _read(cache, names) == right
            proxy.damage = DAMAGES[kind]
            for _ in range(20):
                found = await _read(cache, names)
                assert all(isinstance(one, CacheUnavailableError) for one in found) or found == right
            assert proxy.replies
            proxy.damage = None
            async with asyncio.timeout(10):
                while await _read(cache, names) != right:
                    await asyncio.sleep(0.02)
        finally:
            await cache.close()
            server.close()

    with caplog.at_level(logging.INFO, "hybrid_recs"):
        asyncio.run(run())
    assert len(caplog.messages) <= 6, "a line per change of state, not per request"


def test_a_reader_that_is_closed_lets_nobody_wait(names: list[str], redis_url: str) -> None:
    async def run() -> None:
        proxy = NonsenseRedis(redis_url, seed=1)
        server = await proxy.start()
        cache = NeighbourCache(proxy.url, 30.0)
        await cache.get(names[0])
        proxy.damage = DAMAGES["silence"]
        reads = [cache.get(name) for name in names]
        await asyncio.sleep(0.05)
        await cache.close()
        async with asyncio.timeout(5):
            found = await asyncio.gather(*reads, return_exceptions=True)
        assert [type(one) for one in found] == [CacheUnavailableError] * 3
        server.close()

    asyncio.run(run())


@pytest.mark.parametrize("url", [f"redis://{'a' * 64}.example/0", "redis://[::1/0", "redis://127.0.0.1:1/0"])
def test_an_address_that_cannot_be_one_is_an_unavailable_cache(url: str) -> None:
    async def run() -> None:
        cache = NeighbourCache(url, _TIMEOUT)
        found = await _read(cache, ["a", "b"])
        assert [type(one) for one in found] == [CacheUnavailableError] * 2
        assert not cache.available
        await cache.close()

    asyncio.run(run())
