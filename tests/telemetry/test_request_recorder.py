"""The numbers add up to the requests sent, exactly: in the report, in /metrics, over workers and outages."""

import os
import re
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest

from hybrid_recs.cache.client import connect, connect_async
from hybrid_recs.cache.keys import Keys
from hybrid_recs.demo.child_service import ChildService, child_service
from hybrid_recs.telemetry.hit_rates import HitRateReport, hit_rate_report
from hybrid_recs.telemetry.request_recorder import RequestRecorder
from hybrid_recs.types import Outcome, Source
from tests.planted import NEVER_BOUGHT, item_id
from tests.services import OwnRedis, wait_until

HOT, TAIL = item_id(1, 0), item_id(1, 29)
MIX = [
    (f"item_id={HOT}", "cache", ""),
    (f"item_id={TAIL}", "live", ""),
    ("item_id=unknown", "popular", "unknown_item"),
    (f"item_id={NEVER_BOUGHT[0]}", "popular", "no_vector"),
    ("item_id=unknown&on_unknown=error", "none", "unknown_item"),
]


def _report(redis_url: str, keys: Keys) -> HitRateReport:
    with connect(redis_url) as client:
        return hit_rate_report(client, keys, 3_600, lambda _: None)


def _wait_for_lists(http: httpx.Client, redis_url: str, keys: Keys) -> None:
    generation = http.get("/readyz").json()["generation"]
    with connect(redis_url) as client:
        wait_until(lambda: bool(client.exists(keys.ready(generation))), what="lists in Redis")


def _metric(http: httpx.Client, source: str, reason: str) -> int:
    text = http.get("/metrics").text
    found = re.search(rf'hybrid_recs_requests_total{{reason="{reason}",source="{source}"}} (\S+)', text)
    return int(float(found[1])) if found else 0


def test_every_request_is_counted_once_by_source_and_reason(
    service: ChildService, own_redis: OwnRedis, keys: Keys
) -> None:
    with httpx.Client(base_url=service.url) as http:
        _wait_for_lists(http, own_redis.url, keys)
        for times, (query, _, _) in enumerate(MIX, start=1):
            for _ in range(times * 7):
                http.get(f"/recommendations?{query}")
        http.get("/recommendations?item_id=")  # refused, so not an item request
        wait_until(lambda: _report(own_redis.url, keys).requests == 7 * 15, what="all counts in Redis")
        for times, (_, source, reason) in enumerate(MIX, start=1):
            assert _metric(http, source, reason) == times * 7
        described = http.get("/reports/cache-hit-rate?window=1h").json()
    report = _report(own_redis.url, keys)
    counted = {(line.source, line.reason or ""): line.requests for line in report.reasons}
    assert counted == {(s, r): times * 7 for times, (_, s, r) in enumerate(MIX, start=1)}
    assert report.hit_rate == pytest.approx(7 / 105)
    assert sum(point.requests for point in report.series) == 105
    assert sum(source.share for source in report.sources) == pytest.approx(1)
    assert [(m.item_id, m.requests) for m in report.most_missed] == [(TAIL, 14)]
    assert described["requests"] == 105
    assert described["most_missed"] == [
        {"item_id": TAIL, "title": "Thing 29 of world 1", "requests": 14},
    ]


def test_two_workers_are_right_in_the_sum(
    environment: dict[str, str], own_redis: OwnRedis, keys: Keys, tmp_path: Path
) -> None:
    environment["HYBRID_RECS_REDIS_TIMEOUT_MS"] = (
        "5000"  # a busy machine must not look like a Redis that is down
    )
    sent = 0
    with child_service(tmp_path / "log", environment, workers=2) as service, connect(own_redis.url) as client:

        def ask() -> None:
            # A connection each, so that both workers get some.
            with httpx.Client(base_url=service.url, headers={"Connection": "close"}) as http:
                for at in range(50):
                    http.get(f"/recommendations?item_id={(HOT, TAIL)[at % 2]}")

        def both_have_counted() -> bool:
            # One of them may be quick enough to take all of a round, or the other not up yet.
            nonlocal sent
            threads = [threading.Thread(target=ask) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            sent += 200
            return len(list(client.scan_iter(f"{keys.prefix}:flushed:*"))) == 2

        with httpx.Client(base_url=service.url) as http:
            _wait_for_lists(http, own_redis.url, keys)
        wait_until(both_have_counted, seconds=120, what="counts of both workers")
        wait_until(lambda: _report(own_redis.url, keys).requests == sent, what="all counts in Redis")
        with httpx.Client(base_url=service.url) as http:
            wait_until(lambda: _metric(http, "cache", "") + _metric(http, "live", "") == sent)


def test_counts_made_while_redis_is_away_are_written_when_it_is_back(
    service: ChildService, own_redis: OwnRedis, keys: Keys
) -> None:
    with httpx.Client(base_url=service.url) as http:
        _wait_for_lists(http, own_redis.url, keys)
        for _ in range(10):
            http.get(f"/recommendations?item_id={HOT}")
        wait_until(lambda: _report(own_redis.url, keys).requests == 10)
        own_redis.kill()
        for _ in range(25):
            assert http.get(f"/recommendations?item_id={HOT}").status_code == 200
        time.sleep(0.5)
        own_redis.start()
        wait_until(lambda: _report(own_redis.url, keys).requests == 35, what="the kept counts")
    counted = {(line.source, line.reason): line.requests for line in _report(own_redis.url, keys).reasons}
    assert counted == {("cache", None): 10, ("live", "cache_unavailable"): 25}


def test_a_batch_whose_answer_was_lost_is_added_once(
    service: ChildService, own_redis: OwnRedis, keys: Keys
) -> None:
    """A hung server takes the batch into its socket, the service gives up waiting, and sends it again."""
    pid = own_redis.pid
    with httpx.Client(base_url=service.url) as http:
        for _ in range(5):
            http.get(f"/recommendations?item_id={HOT}")
        wait_until(lambda: _report(own_redis.url, keys).requests == 5)
        os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(20):
                assert http.get(f"/recommendations?item_id={TAIL}").status_code == 200
            time.sleep(5)  # longer than two tries to write
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: _report(own_redis.url, keys).requests >= 25)
        time.sleep(1)
    assert _report(own_redis.url, keys).requests == 25


def test_counts_are_written_when_the_service_ends(
    environment: dict[str, str], own_redis: OwnRedis, keys: Keys, tmp_path: Path
) -> None:
    environment["HYBRID_RECS_FLUSH_SECONDS"] = "3600"
    with child_service(tmp_path / "log", environment) as service, httpx.Client(base_url=service.url) as http:
        for _ in range(9):
            http.get(f"/recommendations?item_id={TAIL}")
        assert _report(own_redis.url, keys).requests == 0
    assert _report(own_redis.url, keys).requests == 9


async def _flush(recorder: RequestRecorder, url: str) -> None:
    client = connect_async(url, 1.0)
    try:
        await recorder.flush(client)
    finally:
        await client.aclose()


def test_minutes_and_missed_items_are_bounded(keys: Keys, redis_url: str) -> None:
    import asyncio

    now = 1_800_000_000.0
    recorder = RequestRecorder(keys, clock=lambda: now)
    for at in range(25_000):
        recorder.count_miss(f"item {at}")
    recorder.record("g", Source.LIVE, Outcome.TAIL, 0.001)
    recorder.take_delta()
    now += 9 * 86_400
    recorder.record("g", Source.CACHE, Outcome.HIT, 0.001)
    recorder.record("g", Source.LIVE, Outcome.LIST_MISSING, 0.001)
    recorder.take_delta()
    assert recorder.unwritten == 2
    asyncio.run(_flush(recorder, redis_url))
    assert recorder.unwritten == 0
    with connect(redis_url) as client:
        names = sorted(client.scan_iter(f"{keys.prefix}:*"))
        assert [name.decode().split(":")[1] for name in names] == ["flushed", "stats"]
        assert all(0 < client.ttl(name) <= 8 * 86_400 for name in names)
