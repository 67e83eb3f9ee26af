"""Reads what the service counted back from Redis, by minute and by hour."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import cast

import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.telemetry.counter_fields import Field

_BATCH = 500


def minutes_of(seconds: int, now: float) -> range:
    """The whole minutes of the last `seconds`, the running one the last of them."""
    last = int(now // 60)
    return range(last - (seconds - 1) // 60, last + 1)


def hours_of(minutes: range) -> range:
    """The hours that the minutes lie in."""
    return range(minutes.start // 60, (minutes.stop - 1) // 60 + 1)


def requests(client: redis.Redis, keys: Keys, minutes: range) -> Iterator[tuple[int, Field, int]]:
    """Every counter of every minute; fields that a newer version wrote are passed over."""
    for start in range(minutes.start, minutes.stop, _BATCH):
        some = range(start, min(start + _BATCH, minutes.stop))
        pipeline = client.pipeline(transaction=False)
        for minute in some:
            pipeline.hgetall(keys.stats(minute))
        for minute, values in zip(some, pipeline.execute(), strict=True):
            for name, count in values.items():
                if (field := Field.parse(name.decode())) is not None:
                    yield minute, field, int(count)


def items_by_hour(
    client: redis.Redis, name_of: Callable[[int], str], hours: Iterable[int]
) -> dict[int, Counter[str]]:
    """The sorted set of each hour (`keys.missed`, `keys.asked`), item id → count; hours without one are left
    out."""
    found = {}
    for hour in hours:
        scored = cast(list[tuple[bytes, float]], client.zrange(name_of(hour), 0, -1, withscores=True))
        if scored:
            found[hour] = Counter({member.decode("utf-8", "replace"): int(count) for member, count in scored})
    return found


def in_all(by_hour: dict[int, Counter[str]]) -> Counter[str]:
    """The sum over the hours."""
    total: Counter[str] = Counter()
    for counts in by_hour.values():
        total.update(counts)
    return total
