"""Counts of items asked for: exact while quiet, a fair sample while busy, bounded always."""

import asyncio
from collections import Counter

import numpy as np
import pytest
import redis

from hybrid_recs.cache.client import connect_async
from hybrid_recs.cache.keys import Keys
from hybrid_recs.telemetry.item_sampler import (
    MAX_ITEMS_HELD,
    MAX_SAMPLED_PER_ROUND,
    HourlyCounts,
    SampledCounts,
)
from hybrid_recs.telemetry.request_recorder import RequestRecorder


def _asked(counts: SampledCounts, items: list[str], a_round: int) -> Counter[str]:
    for start in range(0, len(items), a_round):
        for item in items[start : start + a_round]:
            counts.sample(item)
        counts.close_round(5)
    return Counter(counts.take().get(5, {}))


def _zipf(requests: int, seed: int) -> list[str]:
    weights = 1 / np.arange(1, 51)
    drawn = np.random.default_rng(seed).choice(50, requests, p=weights / weights.sum())
    return [f"item {at}" for at in drawn]


def test_quiet_traffic_is_counted_exactly() -> None:
    items = _zipf(4_000, 1)
    assert _asked(SampledCounts(1), items, MAX_SAMPLED_PER_ROUND) == Counter(items)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_busy_traffic_is_counted_by_a_fair_sample(seed: int) -> None:
    items = _zipf(200_000, seed)
    found, true = _asked(SampledCounts(seed), items, 20_000), Counter(items)
    assert found.total() == pytest.approx(len(items), rel=0.03)
    for item, count in true.most_common(5):
        assert found[item] / found.total() == pytest.approx(count / len(items), abs=0.02)


def test_a_rhythm_in_the_traffic_does_not_hide_an_item() -> None:
    items = ["a", "b", "c", "d"] * 25_000
    found = _asked(SampledCounts(1), items, 20_000)
    assert [found[item] / found.total() for item in "abcd"] == pytest.approx([0.25] * 4, abs=0.03)


def test_after_a_burst_every_request_counts_again() -> None:
    counts = SampledCounts(1)
    _asked(counts, _zipf(100_000, 1), 50_000)
    _asked(counts, ["x"] * 3_000, 10)
    assert _asked(counts, ["y"] * 40, 10) == {"y": 40}


def test_counts_are_bounded_and_the_largest_are_kept() -> None:
    counts = HourlyCounts()
    for part in range(3):
        for at in range(MAX_ITEMS_HELD):
            counts.add(f"{part} {at}", 2 if part == 1 else 1)
        counts.close_round(7)
    (held,) = counts.take().values()
    assert len(held) <= MAX_ITEMS_HELD
    assert sum(item.startswith("1 ") for item in held) >= MAX_ITEMS_HELD // 2
    assert counts.take() == {}


async def _flush(url: str, keys: Keys) -> None:
    recorder, client = RequestRecorder(keys, lambda: 7_200.0), connect_async(url, 5)
    for item, times in (("a", 3), ("b", 1)):
        for _ in range(times):
            recorder.count_item(item)
    recorder.take_delta()
    await recorder.flush(client)
    await client.aclose()


def test_counts_of_items_reach_redis_with_a_ttl(redis_url: str, client: redis.Redis, keys: Keys) -> None:
    asyncio.run(_flush(redis_url, keys))
    assert client.zrange(keys.requested(2), 0, -1, withscores=True) == [(b"b", 1.0), (b"a", 3.0)]
    assert client.ttl(keys.requested(2)) > 0
