"""What trends over HTTP, and as demand for lists of tail items."""

import asyncio
import time

import httpx
import pytest
import redis

from hybrid_recs.cache.client import connect_async
from hybrid_recs.cache.keys import Keys
from hybrid_recs.generation.generation import Generation
from hybrid_recs.online.serving.live_search import search_threads
from hybrid_recs.online.serving.rising_items import RisingItems
from hybrid_recs.ranking.recommender import Recommender
from tests.planted import NEVER_BOUGHT, item_id

BUILT = Keys("built")


@pytest.fixture
def trending(client: redis.Redis) -> None:
    scores = {item_id(1, 3): 9.5, "unknown": 8.0, item_id(2, 1): 4.25, NEVER_BOUGHT[0]: 2.0}
    client.zadd(BUILT.trending("hour"), scores, nx=True)
    client.expire(BUILT.trending("hour"), 600)


@pytest.mark.usefixtures("trending")
def test_trending_by_window_and_category(http: httpx.Client) -> None:
    time.sleep(1.1)  # what the worker may have read before

    def items(**parameters: str) -> list[tuple[str, float]]:
        answer = http.get("/trending", params={"window": "hour"} | parameters).json()
        return [(item["item_id"], item["score"]) for item in answer["items"]]

    assert items() == [(item_id(1, 3), 9.5), (item_id(2, 1), 4.25), (NEVER_BOUGHT[0], 2.0)]
    assert items(k="1") == [(item_id(1, 3), 9.5)]
    assert items(category="world 2") == [(item_id(2, 1), 4.25)]
    assert items(category="World 2") == []
    assert items(window="week") == []
    first = http.get("/trending", params={"window": "hour"}).json()["items"][0]
    assert first["title"] == "Thing 3 of world 1"
    assert http.get("/trending", params={"window": "year"}).status_code == 422


def test_trending_tail_items_get_lists(
    generation: Generation, keys: Keys, redis_url: str, client: redis.Redis
) -> None:
    hot, tail, rare = item_id(1, 0), item_id(1, 29), item_id(1, 28)
    client.zadd(keys.trending("hour"), {hot: 50, tail: 40, rare: 2, "unknown": 60, NEVER_BOUGHT[0]: 70})
    threads = search_threads()

    async def admit() -> RisingItems:
        rising, own = RisingItems(Recommender(generation), keys, 10, 600), connect_async(redis_url, 1.0)
        await rising.admit(own, threads)
        await own.aclose()
        return rising

    rising = asyncio.run(admit())
    threads.shutdown()
    row = generation.catalogue.row(tail)
    assert row is not None
    assert (len(rising), rising.touch(row)) == (1, True)
    assert client.exists(keys.neighbours(generation.id, tail))
