"""Items that are requested often get a list; crawls, unknown ids and an unreachable Redis add none."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path

import httpx
import numpy as np
import pytest
import redis

from hybrid_recs.cache.client import connect, connect_async
from hybrid_recs.cache.keys import Keys
from hybrid_recs.demo.child_service import ChildService, child_service
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.neighbour_codec import decode_neighbours
from hybrid_recs.online.serving.count_min_sketch import SAMPLE, FrequencySketch
from hybrid_recs.online.serving.live_search import search_threads
from hybrid_recs.online.serving.rising_items import RisingItems
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.settings import RISING_AFTER_REQUESTS
from tests.planted import ITEMS_PER_WORLD, NEVER_BOUGHT, WORLDS, item_id
from tests.services import OwnRedis, wait_until

TAIL = item_id(1, 29)
TTL = 3_600


class TestSketch:
    def test_few_rows_are_counted_exactly(self) -> None:
        sketch = FrequencySketch()
        for times in range(1, 100):
            assert [sketch.count(row) for row in (0, 1, 7, 1_000_000)] == [times] * 4

    def test_never_too_low_and_rarely_too_high(self) -> None:
        rng, sketch = np.random.default_rng(3), FrequencySketch()
        true = np.zeros(20_000, int)
        too_high = 0
        for row in (rng.zipf(1.3, 100_000) % 20_000).tolist():
            true[row] += 1
            estimate = sketch.count(row)
            assert estimate >= min(true[row], 255)
            too_high += estimate > true[row]
        assert too_high < 100

    def test_a_crawl_never_looks_like_demand(self) -> None:
        """300,000 items, each requested twice, in random order."""
        sketch, rows = FrequencySketch(), np.repeat(np.arange(300_000), 2)
        np.random.default_rng(4).shuffle(rows)
        assert max(map(sketch.count, rows.tolist())) < RISING_AFTER_REQUESTS

    def test_what_was_asked_long_ago_fades(self) -> None:
        sketch = FrequencySketch()
        for _ in range(100):
            sketch.count(5)
        for row in range(SAMPLE - 100):
            sketch.count(1_000 + row % 50_000)
        assert 50 <= sketch.count(5) <= 55


@pytest.fixture
def threads() -> Iterator[Executor]:
    opened = search_threads()
    yield opened
    opened.shutdown()


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def _ask(rising: RisingItems, *rows: int, times: int = 50) -> None:
    for _ in range(times):
        for row in rows:
            rising.count(row)


def _admit(rising: RisingItems, url: str, threads: Executor, rounds: int = 1) -> None:
    async def admit() -> None:
        client = connect_async(url, 1.0)
        try:
            for _ in range(rounds):
                await rising.admit(client, threads)
        finally:
            await client.aclose()

    asyncio.run(admit())


def _listed(client: redis.Redis, keys: Keys, generation: Generation) -> set[str]:
    prefix = keys.neighbours(generation.id, "")
    return {name.decode().removeprefix(prefix) for name in client.scan_iter(f"{prefix}*", count=10_000)}


def test_a_list_is_what_the_live_answer_says(
    generation: Generation, keys: Keys, redis_url: str, client: redis.Redis, threads: Executor
) -> None:
    recommender = Recommender(generation)
    rising = RisingItems(recommender, keys, 10, TTL)
    row = generation.catalogue.row(TAIL)
    assert row is not None
    _ask(rising, row)
    assert not rising.touch(row)
    _admit(rising, redis_url, threads)
    assert rising.touch(row)
    name = keys.neighbours(generation.id, TAIL)
    encoded = client.get(name)
    assert isinstance(encoded, bytes)
    written, live = (
        decode_neighbours(encoded),
        recommender.live_neighbours(ItemQuery(row, generation.manifest.list_depth)),
    )
    assert written is not None
    assert written.rows.tolist() == live.rows.tolist()
    assert written.scores.tolist() == live.scores.tolist()
    assert TTL - 60 < client.ttl(name) <= TTL


def test_the_least_recently_read_make_room(
    generation: Generation, keys: Keys, redis_url: str, client: redis.Redis, threads: Executor
) -> None:
    rising = RisingItems(Recommender(generation), keys, 3, TTL)
    _ask(rising, 200, 201, 202)
    _admit(rising, redis_url, threads)
    assert rising.touch(200)  # used, so 201 is now the least recently used
    _ask(rising, 203)
    _admit(rising, redis_url, threads)
    assert [rising.touch(row) for row in (200, 201, 202, 203)] == [True, False, True, True]
    assert len(rising) == 3
    assert _listed(client, keys, generation) == {generation.catalogue.item_id(r) for r in (200, 202, 203)}
    _ask(rising, *range(100, 240))
    _admit(rising, redis_url, threads, rounds=60)
    assert len(rising) == len(_listed(client, keys, generation)) == 3


def test_admissions_a_round_are_bounded(
    generation: Generation, keys: Keys, redis_url: str, threads: Executor
) -> None:
    rising = RisingItems(Recommender(generation), keys, 1_000, TTL)
    _ask(rising, *range(120, 240))
    _admit(rising, redis_url, threads)
    assert len(rising) == 50
    _admit(rising, redis_url, threads, rounds=3)
    assert len(rising) == 120


def test_given_up_before_redis_drops_it(
    generation: Generation, keys: Keys, redis_url: str, threads: Executor
) -> None:
    clock = Clock()
    rising = RisingItems(Recommender(generation), keys, 10, TTL, clock)
    _ask(rising, 200)
    _admit(rising, redis_url, threads)
    clock.now += 0.85 * TTL
    assert rising.touch(200)
    clock.now += 0.1 * TTL
    assert not rising.touch(200)
    _ask(rising, 200, times=1)
    _admit(rising, redis_url, threads)
    assert rising.touch(200)


def test_nothing_is_admitted_while_redis_is_away(
    generation: Generation, keys: Keys, own_redis: OwnRedis, threads: Executor
) -> None:
    rising = RisingItems(Recommender(generation), keys, 10, TTL)
    _ask(rising, 200)
    own_redis.kill()
    with pytest.raises(redis.RedisError):
        _admit(rising, own_redis.url, threads)
    assert not rising.touch(200)
    own_redis.start()
    _admit(rising, own_redis.url, threads)
    assert rising.touch(200)


def test_zero_is_off(generation: Generation, keys: Keys, redis_url: str, threads: Executor) -> None:
    rising = RisingItems(Recommender(generation), keys, 0, TTL)
    _ask(rising, 200)
    _admit(rising, redis_url, threads)
    assert not rising.touch(200)


def _source(http: httpx.Client, item: str) -> tuple[str, str | None]:
    answer = http.get("/recommendations", params={"item_id": item})
    assert answer.status_code == 200
    assert len(answer.json()["items"]) == 10
    return answer.json()["source"], answer.json()["fallback_reason"]


def _hot(generation: Generation) -> set[str]:
    return {generation.catalogue.item_id(int(row)) for row in generation.hot.rows}


def test_a_tail_item_in_demand_is_answered_from_the_cache(
    service: ChildService, generation: Generation, own_redis: OwnRedis, keys: Keys
) -> None:
    with httpx.Client(base_url=service.url) as http, connect(own_redis.url) as client:
        live = http.get("/recommendations", params={"item_id": TAIL}).json()
        assert live["source"] == "live"
        for _ in range(50):
            _source(http, TAIL)
        wait_until(lambda: _source(http, TAIL) == ("cache", None), what="a list of the rising item")
        cached = http.get("/recommendations", params={"item_id": TAIL}).json()
        assert cached["recommendation_id"] == live["recommendation_id"].replace("live", "cache")
        assert cached["items"] == live["items"]
        assert _listed(client, keys, generation) == {*_hot(generation), TAIL}

        client.delete(keys.neighbours(generation.id, TAIL))
        assert _source(http, TAIL) == ("live", "list_missing")
        wait_until(lambda: _source(http, TAIL) == ("cache", None), what="the list put back")

        own_redis.kill()
        assert _source(http, TAIL) == ("live", "cache_unavailable")


def test_a_crawl_and_unknown_ids_fill_nothing(
    environment: dict[str, str], generation: Generation, own_redis: OwnRedis, keys: Keys, tmp_path: Path
) -> None:
    environment["HYBRID_RECS_LOCAL_CACHE_MB"] = "64"
    with (
        child_service(tmp_path / "log", environment) as service,
        httpx.Client(base_url=service.url) as http,
        connect(own_redis.url) as client,
    ):
        wait_until(lambda: _source(http, item_id(0, 0)) == ("cache", None), what="lists in Redis")
        for _ in range(2):
            for world in range(WORLDS):
                for place in range(ITEMS_PER_WORLD):
                    _source(http, item_id(world, place))
        for _ in range(50):
            assert _source(http, "unknown") == ("popular", "unknown_item")
            assert _source(http, NEVER_BOUGHT[0]) == ("popular", "no_vector")
        for at in range(200):
            _source(http, f"unknown {at}")
        # Any queued list would be written in the round that writes this one.
        for _ in range(50):
            _source(http, TAIL)
        wait_until(lambda: _source(http, TAIL) == ("cache", None), what="a list of the rising item")
        assert _listed(client, keys, generation) == {*_hot(generation), TAIL}
