"""The in-process cache: bounded, keeps what is used, and goes with its generation."""

import random
import tracemalloc
from copy import deepcopy
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


@pytest.mark.parametrize("size", [10, 600, 9_000])
def test_memory_is_bounded(size: int) -> None:
    max_bytes = 1_000_000
    tracemalloc.start()
    try:
        cache = ResponseCache(max_bytes)
        for number in range(20_000):
            cache.put(f"item {number}", 10, bytes(size))
            if number % 1_000 == 0:
                allocated, _ = tracemalloc.get_traced_memory()
                assert allocated <= max_bytes
                assert cache.size_bytes <= max_bytes
    finally:
        tracemalloc.stop()
    assert len(cache) > 0.3 * max_bytes / (size + 300)


def test_what_is_requested_stays_and_the_rest_goes() -> None:
    cache = ResponseCache(200_000)
    cache.put("used", 10, b"answer")
    for number in range(5_000):
        cache.put(f"item {number}", 10, bytes(500))
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
            assert cache.get(*key) == put[key]


def test_length_and_size_are_those_of_the_entries() -> None:
    rng, cache = random.Random(1), ResponseCache(10_000)
    keys = [(f"item {number}", k) for number in range(20) for k in (1, 2)]
    for step in range(2_000):
        item, k = rng.choice(keys)
        if cache.get(item, k) is None or step % 7 == 0:
            cache.put(item, k, rng.randbytes(rng.randrange(900)))
        if step % 20 == 0:
            # A read may evict: each key is looked up in a copy of its own.
            entries = {key: body for key in keys if (body := deepcopy(cache).get(*key)) is not None}
            assert len(cache) == len(entries)
            assert cache.size_bytes == sum(len(item) + len(body) + 250 for (item, _), body in entries.items())


@pytest.mark.parametrize("max_bytes", [0, 100])
def test_nothing_is_kept_where_nothing_fits(max_bytes: int) -> None:
    cache = ResponseCache(max_bytes)
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
