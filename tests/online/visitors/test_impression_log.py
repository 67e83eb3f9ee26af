"""The impression log: a bounded sample, written in the background or dropped and counted."""

import asyncio
import hashlib
from typing import cast

import redis

from hybrid_recs.cache.client import connect_async
from hybrid_recs.cache.keys import Keys
from hybrid_recs.events.impression import Impression, is_sampled
from hybrid_recs.online.visitors.impression_log import ImpressionLog
from hybrid_recs.types import Source

NOW = 1_700_000_000.25


def _serve(log: ImpressionLog, ids: list[str], age: float | None = 12.5, visitor: str | None = "v:1") -> None:
    for recommendation_id in ids:
        if log.samples(recommendation_id):
            log.add(recommendation_id, "user", Source.BATCH, "g1", visitor, ["a", 'b"é', "00"], age)


def _flush(log: ImpressionLog, url: str) -> None:
    async def work() -> None:
        client = connect_async(url, 1.0)
        await log.flush(client)
        await client.aclose()

    asyncio.run(work())


def _read(client: redis.Redis, keys: Keys) -> list[Impression | None]:
    entries = cast(list[tuple[bytes, dict[bytes, bytes]]], client.xrange(keys.impressions()))
    return [Impression.decode(entry) for _, entry in entries]


def test_what_was_served_is_in_the_stream(client: redis.Redis, redis_url: str, keys: Keys) -> None:
    log = ImpressionLog(keys, 1.0, clock=lambda: NOW)
    _serve(log, ["r1"])
    _serve(log, ["r2"], age=None, visitor=None)
    assert client.exists(keys.impressions()) == 0
    _flush(log, redis_url)
    items = ("a", 'b"é', "00")
    assert _read(client, keys) == [
        Impression("r1", NOW, "user", "batch", "g1", "v:1", items, 12.5),
        Impression("r2", NOW, "user", "batch", "g1", None, items, None),
    ]
    assert (log.waiting, log.dropped) == (0, 0)
    _flush(log, redis_url)
    assert client.xlen(keys.impressions()) == 2


def test_the_sample_is_the_same_wherever_it_is_drawn(client: redis.Redis, redis_url: str, keys: Keys) -> None:
    ids = [f"{at:08x}" for at in range(20_000)]
    logs = [ImpressionLog(keys, 0.1), ImpressionLog(keys, 0.1)]
    for log in logs:
        _serve(log, ids)
    # 3 standard deviations of a binomial of 20,000 at 0.1.
    assert all(abs(log.waiting - 2_000) < 128 for log in logs)
    for log in logs:
        _flush(log, redis_url)
    logged = [one.recommendation_id for one in _read(client, keys) if one]
    assert logged[: len(logged) // 2] == logged[len(logged) // 2 :]
    below = int(0.1 * 2**32)
    assert set(logged) == {
        one
        for one in ids
        if int.from_bytes(hashlib.blake2b(one.encode(), digest_size=4).digest(), "little") < below
    }


def test_shares_nest_and_their_ends_are_all_and_nothing() -> None:
    ids = [f"r{at}" for at in range(2_000)]
    tenth, half = ({one for one in ids if is_sampled(one, share)} for share in (0.1, 0.5))
    assert tenth < half
    assert all(is_sampled(one, 1.0) for one in ids)
    assert not any(is_sampled(one, 0.0) for one in ids)


def test_the_oldest_makes_room_and_is_counted(client: redis.Redis, redis_url: str, keys: Keys) -> None:
    log = ImpressionLog(keys, 1.0, max_waiting=5)
    _serve(log, [f"r{at}" for at in range(12)])
    assert (log.waiting, log.dropped) == (5, 7)
    _flush(log, redis_url)
    assert [one.recommendation_id for one in _read(client, keys) if one] == ["r7", "r8", "r9", "r10", "r11"]


def test_the_stream_is_cut_to_its_bound(client: redis.Redis, redis_url: str, keys: Keys) -> None:
    log = ImpressionLog(keys, 1.0, max_kept=300)
    for start in range(0, 2_000, 500):
        _serve(log, [f"r{at}" for at in range(start, start + 500)])
        _flush(log, redis_url)
    # "~": whole nodes of a hundred entries are cut.
    assert 300 <= client.xlen(keys.impressions()) <= 400
    last = _read(client, keys)[-1]
    assert last is not None
    assert last.recommendation_id == "r1999"


def test_without_redis_they_are_dropped_and_counted(keys: Keys) -> None:
    log = ImpressionLog(keys, 1.0)
    _serve(log, ["r1", "r2", "r3"])
    _flush(log, "redis://127.0.0.1:1/0")
    assert (log.waiting, log.dropped) == (0, 3)


def test_what_is_not_a_prediction_is_none() -> None:
    good = {name.encode(): text.encode() for name, text in _one().fields().items()}
    assert Impression.decode(good) == _one()
    for name in good:
        if name != b"visitor":
            assert Impression.decode({**good, name: b"\xff"}) is None
        assert Impression.decode({other: text for other, text in good.items() if other != name}) is None
    assert Impression.decode({**good, b"items": b"7"}) is None


def _one() -> Impression:
    return Impression("r", 1.5, "item", "cache", "g", None, ("a",), 0.0)
