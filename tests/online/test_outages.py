"""Redis down, killed, hung, flushed, evicting: slower answers and a counter, never an error."""

import os
import signal
import time
from pathlib import Path

import httpx

from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.demo.child_service import ChildService, child_service
from hybrid_recs.generation.generation import Generation
from tests.planted import item_id
from tests.services import OwnRedis, wait_until

HOT = [item_id(world, 0) for world in range(8)]


def _sources(http: httpx.Client) -> set[tuple[str, str | None]]:
    """Asks for every world's best seller; every answer must be a full list."""
    sources = set()
    for hot in HOT:
        answer = http.get("/recommendations", params={"item_id": hot})
        assert answer.status_code == 200
        body = answer.json()
        assert len(body["items"]) == 10
        sources.add((body["source"], body["fallback_reason"]))
    return sources


def test_killed_and_started_again(service: ChildService, own_redis: OwnRedis) -> None:
    with httpx.Client(base_url=service.url) as http:
        wait_until(lambda: _sources(http) == {("cache", None)}, what="lists in Redis")
        cached = [http.get("/recommendations", params={"item_id": hot}).json()["items"] for hot in HOT]
        own_redis.kill()
        assert _sources(http) == {("live", "cache_unavailable")}
        live = [http.get("/recommendations", params={"item_id": hot}).json()["items"] for hot in HOT]
        assert live == cached
        assert http.get("/readyz").json()["cache"] == "unavailable"
        assert http.get("/reports/cache-hit-rate").json()["error"]["code"] == "cache_unavailable"
        own_redis.start()
        wait_until(lambda: _sources(http) == {("cache", None)}, what="answers from the cache again")


def test_flushed(service: ChildService, own_redis: OwnRedis) -> None:
    with httpx.Client(base_url=service.url) as http:
        wait_until(lambda: _sources(http) == {("cache", None)})
        own_redis.forget_everything()
        assert _sources(http) <= {("live", "list_missing"), ("cache", None)}
        wait_until(lambda: _sources(http) == {("cache", None)}, seconds=5, what="all lists loaded again")


def test_one_list_evicted_is_put_back(
    service: ChildService, own_redis: OwnRedis, generation: Generation, keys: Keys
) -> None:
    with httpx.Client(base_url=service.url) as http, connect(own_redis.url) as client:
        wait_until(lambda: _sources(http) == {("cache", None)})
        evicted, damaged = keys.neighbours(generation.id, HOT[0]), keys.neighbours(generation.id, HOT[1])
        whole = client.get(damaged)
        client.delete(evicted)
        client.set(damaged, b"not a list")
        assert _sources(http) == {("cache", None), ("live", "list_missing")}
        wait_until(lambda: _sources(http) == {("cache", None)}, seconds=5, what="the lists put back")
        assert client.get(damaged) == whole
        assert client.ttl(evicted) > 0


def test_hung(service: ChildService, own_redis: OwnRedis) -> None:
    pid = own_redis.pid
    with httpx.Client(base_url=service.url) as http:
        wait_until(lambda: _sources(http) == {("cache", None)})
        os.kill(pid, signal.SIGSTOP)
        try:
            started = time.monotonic()
            assert _sources(http) == {("live", "cache_unavailable")}
            # One request waits for the timeout; the breaker spares the other seven from it.
            assert time.monotonic() - started < 1.0
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: _sources(http) == {("cache", None)}, what="answers from the cache again")


def test_down_at_start(environment: dict[str, str], own_redis: OwnRedis, tmp_path: Path) -> None:
    own_redis.kill()
    with (
        child_service(tmp_path / "log", environment) as service,
        httpx.Client(base_url=service.url) as http,
    ):
        assert _sources(http) == {("live", "cache_unavailable")}
        own_redis.start()
        wait_until(lambda: _sources(http) == {("cache", None)}, what="answers from the cache")
