"""Each accepted event counts once, whoever consumes it and whenever a consumer dies."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import redis

from hybrid_recs.cache.keys import CONSUMER_GROUP, Keys
from hybrid_recs.consumer.worker import Worker
from hybrid_recs.events.session_list import SessionList, decode_message, render_session_list
from hybrid_recs.events.trending_windows import WINDOWS
from hybrid_recs.generation.generation import Generation
from hybrid_recs.ranking.json_renderer import JsonRenderer
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.telemetry.consumer_lag import consumer_lag
from tests.consumer.killed import ITEMS
from tests.consumers import accept_events, apply_all, counted, state_of, worker_on
from tests.planted import item_id, world_of


def test_events_are_counted_and_acknowledged(worker: Worker, client: redis.Redis, keys: Keys) -> None:
    accept_events(client, keys, ITEMS)
    apply_all(worker, client, keys, 30)
    for window in WINDOWS:
        assert counted(client, keys, window.name) == Counter(ITEMS)
    for name in client.scan_iter(f"{keys.prefix}:met:*"):
        assert client.ttl(name) > 3_600
    assert client.xpending(keys.events(), CONSUMER_GROUP)["pending"] == 0
    lag = consumer_lag(client, keys)
    assert (lag.accepted, lag.applied, lag.waiting, lag.oldest_seconds) == (30, 30, 0, 0.0)


def test_lag_of_what_waits(client: redis.Redis, keys: Keys) -> None:
    accept_events(client, keys, ITEMS)
    assert consumer_lag(client, keys).waiting == 30
    client.xgroup_create(keys.events(), CONSUMER_GROUP, "0")
    client.xreadgroup(CONSUMER_GROUP, "dead", {keys.events(): ">"}, count=10)
    lag = consumer_lag(client, keys)
    assert (lag.waiting, lag.stream_length) == (30, 30)
    assert 0 < lag.oldest_seconds < 5


def test_what_a_dead_consumer_held_is_taken_over(worker: Worker, client: redis.Redis, keys: Keys) -> None:
    accept_events(client, keys, ITEMS)
    client.xgroup_create(keys.events(), CONSUMER_GROUP, "0")
    client.xreadgroup(CONSUMER_GROUP, "dead", {keys.events(): ">"}, count=10)
    apply_all(worker, client, keys, 30)
    assert counted(client, keys, "hour") == Counter(ITEMS)


def test_two_consumers_share(
    worker: Worker, client: redis.Redis, keys: Keys, redis_url: str, built_index: Path, tmp_path: Path
) -> None:
    other = worker_on(redis_url, keys, built_index, tmp_path / "archive", claim_seconds=60)
    for batch in range(10):
        accept_events(client, keys, ITEMS * 4, first=120 * batch)
    while worker.step() + other.step():
        pass
    assert worker.consumer.applied > 0
    assert other.consumer.applied > 0
    assert worker.consumer.applied + other.consumer.applied == 1_200
    assert counted(client, keys, "day") == Counter(ITEMS * 40)


def test_what_holds_no_event_is_set_aside(worker: Worker, client: redis.Redis, keys: Keys) -> None:
    client.xadd(keys.events(), {"nonsense": "1"})
    accept_events(client, keys, ITEMS)
    client.xadd(keys.events(), {"e": "{"})
    apply_all(worker, client, keys, 30)
    worker.step()
    assert client.hget(keys.event_counts(), "set_aside") == b"2"
    assert client.xlen(keys.set_aside()) == 2
    assert client.xpending(keys.events(), CONSUMER_GROUP)["pending"] == 0
    assert counted(client, keys, "hour") == Counter(ITEMS)


def test_sessions_get_what_the_recommender_says(
    worker: Worker, client: redis.Redis, keys: Keys, generation: Generation
) -> None:
    with client.pubsub() as listener:  # type: ignore[no-untyped-call]
        listener.subscribe(keys.session_list("visitor"))
        assert listener.get_message(timeout=5)
        accept_events(client, keys, [item_id(2, 0), "unknown", item_id(2, 1)], session="visitor")
        apply_all(worker, client, keys, 3)
        message = listener.get_message(timeout=5)
    items, version = state_of(client, keys.session("visitor"))
    assert version is not None
    recommender = Recommender(generation)
    rows = [row for row in map(recommender.items.row, items) if row is not None]
    expected = SessionList.from_answer(
        recommender.answer_session(np.array(rows), 100), version.decode(), recommender
    )
    assert client.get(keys.session_list("visitor")) == expected.encoded()
    assert SessionList.decode(expected.encoded()) == expected
    assert world_of(recommender.items.item_id(expected.rows[0])) == 2
    assert 0 < client.ttl(keys.session_list("visitor")) <= 3_600
    assert message is not None
    body = render_session_list("visitor", expected, JsonRenderer(recommender))
    assert decode_message(message["data"]) == (expected.upto, body)


def test_what_knows_more_is_not_overwritten(
    worker: Worker, client: redis.Redis, keys: Keys, generation: Generation
) -> None:
    recommender = Recommender(generation)
    answer = recommender.answer_session(np.array([3]), 10)
    newer = SessionList.from_answer(answer, "99999999999999-0", recommender).encoded()
    client.set(keys.session_list("s"), newer)
    accept_events(client, keys, ITEMS)
    apply_all(worker, client, keys, 30)
    assert client.get(keys.session_list("s")) == newer


def test_killed_around_every_exchange_with_redis(
    client: redis.Redis, redis_url: str, built_index: Path, tmp_path: Path
) -> None:
    """Whatever is left undone by the dead, the heir does, and nothing twice."""
    command = [sys.executable, "-m", "tests.consumer.killed", redis_url, str(built_index), str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert said.returncode == 0, said.stderr
    killed = {when: int(n) for when, n in (line.split() for line in said.stdout.splitlines())}
    assert killed.keys() == {"before", "after"}
    for when, times in killed.items():
        assert times >= 10
        for n in range(1, times + 2):
            keys = Keys(f"{when}-{n}")
            for window in WINDOWS:
                assert counted(client, keys, window.name) == Counter(ITEMS)
            assert client.hget(keys.event_counts(), "applied") == b"30"
            assert client.xlen(keys.events()) == 0
            assert client.exists(keys.session_list("s"))
            ids = pl.read_parquet(tmp_path / f"{when}-{n}")["event_id"].to_list()
            assert ids == [f"e{at}" for at in range(30)]
