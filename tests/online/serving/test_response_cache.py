"""The in-process cache: bounded, keeps what is used, and goes with its generation."""

import random
import sys
from pathlib import Path

import httpx
import pytest

from hybrid_recs.demo.child_service import child_service
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.online.serving.response_cache import ResponseCache
from tests.builders import publish_copy
from tests.planted import item_id
from tests.services import OwnRedis, wait_until

HOT = item_id(1, 0)


def _bytes_of(cache: ResponseCache) -> int:
    """What the entries really take."""
    held = {**cache._old, **cache._young}
    objects = sum(
        sys.getsizeof(key) + sys.getsizeof(key[0]) + sys.getsizeof(body) for key, body in held.items()
    )
    return objects + sys.getsizeof(cache._young) + sys.getsizeof(cache._old)


@pytest.mark.parametrize("size", [10, 600, 9_000])
def test_memory_is_bounded(size: int) -> None:
    most = 1_000_000
    cache = ResponseCache(most)
    for at in range(20_000):
        cache.put(f"item {at}", 10, bytes(size))
        if at % 1_000 == 0:
            assert _bytes_of(cache) <= most
            assert cache.taken <= most
    assert len(cache) > 0.3 * most / (size + 300)


def test_what_is_asked_for_stays_and_the_rest_goes() -> None:
    cache = ResponseCache(200_000)
    cache.put("used", 10, b"answer")
    for at in range(5_000):
        cache.put(f"item {at}", 10, bytes(500))
        assert cache.get("used", 10) == b"answer"
    assert cache.get("item 0", 10) is None
    assert cache.get("item 4999", 10) == bytes(500)


def test_gives_what_was_put() -> None:
    rng, cache = random.Random(1), ResponseCache(100_000)
    put: dict[tuple[str, int], bytes] = {}
    for _ in range(20_000):
        key = f"item {rng.randrange(300)}", rng.randrange(1, 4)
        body = cache.get(*key)
        assert body is None or body == put[key]
        if body is None:
            put[key] = rng.randbytes(rng.randrange(900))
            cache.put(*key, put[key])
        held = {**cache._old, **cache._young}
        assert len(cache) == len(held)
        assert cache.taken == sum(len(item) + len(body) + 250 for (item, _), body in held.items())


@pytest.mark.parametrize("most_bytes", [0, 100])
def test_nothing_is_kept_where_nothing_fits(most_bytes: int) -> None:
    cache = ResponseCache(most_bytes)
    cache.put("item", 10, bytes(100))
    assert cache.get("item", 10) is None
    assert len(cache) == 0


def test_answers_outlive_redis_but_not_their_generation(
    environment: dict[str, str], index_dir: Path, own_redis: OwnRedis, tmp_path: Path
) -> None:
    environment["HYBRID_RECS_LOCAL_CACHE_MB"] = "1"
    store = GenerationStore(index_dir)
    with child_service(tmp_path / "log", environment) as service, httpx.Client(base_url=service.url) as http:

        def ask(item: str) -> tuple[str, str]:
            body = http.get("/recommendations", params={"item_id": item}).json()
            return body["generation"], body["source"]

        first = store.require_current()
        wait_until(lambda: ask(HOT) == (first, "cache"), what="lists in Redis")
        own_redis.kill()
        assert ask(HOT) == (first, "cache")
        assert ask(item_id(2, 0)) == (first, "live")
        publish_copy(store, "20990101T000000000000Z")
        wait_until(lambda: ask(item_id(1, 29))[0] != first, what="the new generation")
        assert ask(HOT) == ("20990101T000000000000Z", "live")
