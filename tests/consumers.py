"""Real events in Redis, and a real consumer."""

import time
from collections import Counter
from pathlib import Path
from typing import Any, cast

import redis

from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.consumer.archive import Archive
from hybrid_recs.consumer.worker import Worker
from hybrid_recs.events.event import ACCEPT, Event, accept_arguments, parse_visitor_items
from hybrid_recs.generation.store import GenerationStore


def accept_events(
    client: redis.Redis, keys: Keys, items: list[str], first: int = 0, session: str = "s", **fields: Any
) -> list[Event]:
    """Accept an event for each item, numbered from `first`."""
    now = time.time()
    events = [
        Event(f"e{number}", "view", item, now, session_id=session, **fields)
        for number, item in enumerate(items, first)
    ]
    names, arguments = accept_arguments(keys, events, now, 10**6, 3_600, 86_400)
    assert client.eval(ACCEPT, len(names), *names, *arguments) == [1] * len(events)
    return events


def worker_on(url: str, keys: Keys, index: Path, archive: Path, claim_seconds: float = 0.0) -> Worker:
    """A consumer for one test, which writes its archive on every flush."""
    client, maintenance = connect(url), connect(url)
    return Worker(
        client,
        maintenance,
        keys,
        GenerationStore(index),
        Archive(maintenance, keys, archive, 0),
        claim_seconds,
        0.0,
    )


def apply_all(worker: Worker, client: redis.Redis, keys: Keys, count: int) -> None:
    """Step until `count` events are applied."""
    deadline = time.monotonic() + 30
    while int(client.hget(keys.event_counts(), "applied") or 0) < count:
        assert time.monotonic() < deadline
        worker.step()


def counted(client: redis.Redis, keys: Keys, window: str) -> dict[str, int]:
    """Count of each item, summed over all buckets of a window."""
    total: Counter[str] = Counter()
    for name in client.scan_iter(f"{keys.prefix}:met:{window}:*", count=1_000):
        for item, count in cast(list[tuple[bytes, float]], client.zrange(name, 0, -1, withscores=True)):
            total[item.decode()] += int(count)
    return total


def state_of(client: redis.Redis, name: str) -> tuple[list[str], bytes | None]:
    """Items and version of the state of a session or a user."""
    return parse_visitor_items(cast(list[bytes], client.lrange(name, 0, -1)))
