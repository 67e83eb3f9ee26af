"""Reads the service's counters back from Redis, by minute and by hour."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import cast

import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.telemetry.counter_fields import Field

_BATCH = 500


def minutes_of(seconds: int, now: float) -> range:
    """The whole minutes of the last `seconds`, up to the current one."""
    last = int(now // 60)
    return range(last - (seconds - 1) // 60, last + 1)


def hours_of(minutes: range) -> range:
    """The hours that the minutes lie in."""
    return range(minutes.start // 60, (minutes.stop - 1) // 60 + 1)


def read_counters(client: redis.Redis, keys: Keys, minutes: range) -> Iterator[tuple[int, Field, int]]:
    """Minute, field and count of every counter; fields that a newer version wrote are skipped."""
    for start in range(minutes.start, minutes.stop, _BATCH):
        batch = range(start, min(start + _BATCH, minutes.stop))
        pipeline = client.pipeline(transaction=False)
        for minute in batch:
            pipeline.hgetall(keys.stats(minute))
        for minute, values in zip(batch, pipeline.execute(), strict=True):
            for name, count in values.items():
                if (field := Field.parse(name.decode())) is not None:
                    yield minute, field, int(count)


def items_by_hour(
    client: redis.Redis, name_of: Callable[[int], str], hours: Iterable[int]
) -> dict[int, Counter[str]]:
    """The sorted set of each hour (`keys.missed`, `keys.requested`) as item id → count; hours without one are
    left out."""
    by_hour = {}
    for hour in hours:
        members = cast(list[tuple[bytes, float]], client.zrange(name_of(hour), 0, -1, withscores=True))
        if members:
            by_hour[hour] = Counter(
                {member.decode("utf-8", "replace"): int(count) for member, count in members}
            )
    return by_hour


def sum_of_hours(by_hour: dict[int, Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for counts in by_hour.values():
        total.update(counts)
    return total
