"""What trends, against the plain formula, and what is made of it."""

import time
from collections import defaultdict
from typing import cast

import numpy as np
import pytest
import redis

from hybrid_recs.cache.keys import CONSUMER_GROUP, Keys
from hybrid_recs.consumer.apply import MAX_ITEMS_PER_BUCKET, Entry, EventApplier
from hybrid_recs.consumer.trending import MAX_TRENDING, TrendingRefresher
from hybrid_recs.events.event import Event
from hybrid_recs.events.trending_windows import WINDOWS, Window


def _top(client: redis.Redis, keys: Keys, window: Window) -> dict[str, float]:
    found = client.zrange(keys.trending(window.name), 0, -1, desc=True, withscores=True)
    return {item.decode(): score for item, score in cast(list[tuple[bytes, float]], found)}


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)
def test_values(client: redis.Redis, keys: Keys, window: Window) -> None:
    """Events at random times, some too old, counted by the consumer and summed by the formula."""
    now, rng = time.time(), np.random.default_rng(5)
    expected: dict[str, float] = defaultdict(float)
    entries: list[Entry] = []
    events: list[Event | None] = []
    for number, age in enumerate(rng.uniform(0, 1.5 * window.length, 400).tolist()):
        event = Event(f"e{number}", "view", f"i{rng.integers(20)}", now - age, session_id="s")
        events.append(event)
        entries.append((cast(bytes, client.xadd(keys.events(), {"e": event.encoded()})), {}))
        buckets_ago = now // window.bucket - (now - age) // window.bucket
        if age < window.length:
            expected[event.item_id] += 0.5 ** (buckets_ago * window.bucket / window.half_life)
    client.xgroup_create(keys.events(), CONSUMER_GROUP, "0")
    client.xreadgroup(CONSUMER_GROUP, "c", {keys.events(): ">"})
    assert EventApplier(client, keys).apply(entries, events) == (400, 0)
    assert EventApplier(client, keys).apply(entries, events) == (0, 0)
    TrendingRefresher(client, keys, "c").refresh(window, now)
    found = _top(client, keys, window)
    assert found == pytest.approx(expected)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert client.ttl(keys.trending(window.name)) > 60


def test_bounds(client: redis.Redis, keys: Keys) -> None:
    window, now = WINDOWS[1], time.time()
    name = keys.interactions(window.name, window.bucket_of(now))
    client.zadd(name, {f"i{n}": n + 1 for n in range(MAX_ITEMS_PER_BUCKET + 500)})
    TrendingRefresher(client, keys, "c").refresh(window, now)
    assert client.zcard(name) == MAX_ITEMS_PER_BUCKET
    found = _top(client, keys, window)
    assert len(found) == MAX_TRENDING
    assert max(found.values()) == MAX_ITEMS_PER_BUCKET + 500


def test_one_consumer_at_a_time_refreshes(client: redis.Redis, keys: Keys) -> None:
    names = [window.name for window in WINDOWS]
    assert TrendingRefresher(client, keys, "a").refresh_due(time.time()) == names
    assert TrendingRefresher(client, keys, "b").refresh_due(time.time()) == []
    client.delete(keys.refreshing("day"))
    assert TrendingRefresher(client, keys, "b").refresh_due(time.time()) == ["day"]
