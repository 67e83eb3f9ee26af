"""A service tells of what it depends on, the same everywhere, within seconds, and when it is over."""

import itertools
import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from hybrid_recs.cache import embedded_server
from hybrid_recs.cache.client import UNREACHABLE, connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.demo.child_service import ChildService, child_service
from hybrid_recs.generation.generation import Generation
from hybrid_recs.telemetry.hit_rates import hit_rate_report
from tests.paths import ROOT
from tests.planted import item_id
from tests.services import OwnRedis, wait_until

HOT, TAIL = item_id(1, 0), item_id(1, 29)
KEYS = Keys("health")
# As docs/how-to/operate.md has it.
PERMISSIONS = "+@read +@write -@dangerous +@scripting +@pubsub +@connection +info +time"
SHOP = ("ACL", "SETUSER", "shop", "on", ">secret", "~health:*", "resetchannels", "&health:*")


@dataclass
class Watched:
    """A running service, its Redis and its log."""

    http: httpx.Client
    redis: OwnRedis
    log: Path

    def answer(self, **params: str) -> tuple[str, str | None]:
        body = self.http.get("/recommendations", params=params).json()
        return body["source"], body["fallback_reason"]

    def dependency(self, name: str) -> dict[str, Any]:
        (found,) = (one for one in self.http.get("/readyz").json()["dependencies"] if one["name"] == name)
        return dict(found)

    def state(self, name: str = "redis") -> str:
        return str(self.dependency(name)["state"])

    def metric(self, name: str, **labels: str) -> float:
        families = text_string_to_metric_families(self.http.get("/metrics").text)
        samples = (sample for family in families for sample in family.samples)
        return next(one.value for one in samples if one.name == name and one.labels == labels)

    def in_state(self, state: str, dependency: str = "redis") -> float:
        """How many workers see the dependency in the state."""
        return self.metric("hybrid_recs_dependency_workers", dependency=dependency, state=state)

    def lines(self, since: int = 0) -> list[str]:
        """Log lines of health after a position of the log, without their times."""
        lines = self.log.read_text()[since:].splitlines()
        return [line.split(" ", 2)[2] for line in lines if " hybrid_recs.health: " in line]

    @property
    def position(self) -> int:
        return len(self.log.read_text())


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path_factory.mktemp("own"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def watched(
    built_index: Path, own_server: OwnRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """One service for all of them, which answers from memory and logs in to Redis as a user of its own."""
    folder = tmp_path_factory.mktemp("watched")
    with connect(own_server.url) as client:
        client.execute_command(*SHOP, *PERMISSIONS.split())
    environment = {
        "HYBRID_RECS_INDEX_DIR": str(built_index),
        "HYBRID_RECS_REDIS_URL": own_server.url.replace("unix://", "unix://shop:secret@"),
        "HYBRID_RECS_KEY_PREFIX": KEYS.prefix,
        "HYBRID_RECS_VAR_DIR": str(folder / "var"),
        "HYBRID_RECS_FLUSH_SECONDS": "0.1",
    }
    log = folder / "log"
    with child_service(log, environment) as service, httpx.Client(base_url=service.url) as http:
        running = Watched(http, own_server, log)
        wait_until(lambda: running.answer(item_id=HOT) == ("cache", None), what="lists in Redis")
        wait_until(lambda: running.answer(item_id=HOT) == ("cache", None), what="an answer in memory")
        yield running


def _up_again(watched: Watched) -> None:
    wait_until(lambda: watched.state() == "up", what="Redis is up again")


def test_the_documented_permissions_are_enough(watched: Watched) -> None:
    """Every use of Redis by a service, as a user who may do no more."""
    assert PERMISSIONS in (ROOT / "docs" / "how-to" / "operate.md").read_text()
    event = {"event_id": "1", "type": "view", "session_id": "s", "user_id": "u", "item_id": HOT}
    assert watched.http.post("/events", json=event).status_code == 202
    assert watched.answer(session_id="s")[0] == watched.answer(user_id="u")[0] == "live"
    assert watched.http.get("/trending").status_code == 200
    assert watched.http.get("/reports/cache-hit-rate").status_code == 200
    assert watched.http.get("/status").json()["events"]["accepted"] == 1
    with watched.http.stream("GET", "/sessions/s/recommendations/stream") as stream:
        assert "event: recommendations" in itertools.islice(stream.iter_lines(), 5)
    wait_until(lambda: watched.metric("hybrid_recs_unwritten_requests") == 0, what="all counts written")
    # A busy machine may be late, but nothing was refused.
    assert "may not" not in (watched.dependency("redis")["last_error"] or "")


def test_redis_dead_while_memory_answers(watched: Watched) -> None:
    """No request needs Redis: the background work notices."""
    position = watched.position
    watched.redis.kill()
    try:
        wait_until(lambda: watched.state() == "down", seconds=10, what="its death is noticed")
        assert watched.answer(item_id=HOT) == ("cache", None)
        ready, status = watched.http.get("/readyz"), watched.http.get("/status").json()
        assert ready.status_code == 200
        body = ready.json()
        assert (body["status"], body["cache"], body["health"]) == ("ready", "unavailable", "degraded")
        assert (status["cache_available"], status["health"]) == (False, "degraded")
        (seen,) = (one for one in status["dependencies"] if one["name"] == "redis")
        told = watched.dependency("redis")
        assert (seen["state"], seen["error"], seen["since"]) == ("down", told["error"], told["since"])
        assert seen["error"] == "Redis is unreachable: start it, or correct HYBRID_RECS_REDIS_URL"
        assert (watched.in_state("down"), watched.in_state("up")) == (1, 0)
        assert watched.metric("hybrid_recs_cache_reachable") == 0
        wait_until(lambda: len(watched.lines(position)) == 1, what="the log line")
        (line,) = watched.lines(position)
        assert line.startswith("WARNING hybrid_recs.health: redis is down (")
        assert seen["error"] in line
    finally:
        watched.redis.start()
    with connect(watched.redis.url) as client:  # a user is gone with the server that knew it
        client.execute_command(*SHOP, *PERMISSIONS.split())
    _up_again(watched)
    assert (watched.in_state("up"), watched.metric("hybrid_recs_cache_reachable")) == (1, 1)
    recovery = re.compile(r"INFO hybrid_recs.health: redis is up again after \d+\.\d s \(failures: \d+\)")
    wait_until(lambda: bool(recovery.fullmatch(watched.lines(position)[-1])), what="the line of its end")


def _counted(watched: Watched) -> int:
    with connect(watched.redis.url) as client:
        return hit_rate_report(client, KEYS, 3_600, lambda _: None).requests


def test_redis_full(watched: Watched) -> None:
    """Writes are refused: reads go on, and no count is lost."""
    wait_until(lambda: watched.metric("hybrid_recs_unwritten_requests") == 0, what="all counts written")
    before, position = _counted(watched), watched.position
    with connect(watched.redis.url) as client:
        client.config_set("maxmemory", 1)
        for _ in range(30):
            watched.answer(item_id=HOT)
        wait_until(lambda: "counters" in watched.dependency("redis")["failing"], what="refused counts")
        seen = watched.dependency("redis")
        assert (seen["state"], seen["error"]) == (
            "degraded",
            "Redis is full and refuses writes: raise its maxmemory",
        )
        assert watched.http.get("/readyz").json()["cache"] == "available"
        assert watched.in_state("degraded") == 1
        assert watched.metric("hybrid_recs_unwritten_requests") == 30
        assert _counted(watched) == before
        wait_until(lambda: len(watched.lines(position)) == 1, what="the log line")
        client.config_set("maxmemory", 0)
    _up_again(watched)
    assert (_counted(watched), watched.metric("hybrid_recs_unwritten_requests")) == (before + 30, 0)


def test_permissions_missing(watched: Watched) -> None:
    """Hundreds of requests that Redis refuses make one line, which names the commands."""
    position = watched.position
    with connect(watched.redis.url) as client:
        client.execute_command("ACL", "SETUSER", "shop", "-mget", "-eval", "-evalsha")
        refused = {watched.answer(item_id=item_id(world, place)) for world in range(8) for place in range(30)}
        assert ("live", "cache_unavailable") in refused
        reads_and_counts = {"list_reads", "counters"}
        wait_until(lambda: reads_and_counts <= {*watched.dependency("redis")["failing"]}, what="refusals")
        seen = watched.dependency("redis")
        assert seen["state"] == "degraded"
        assert "the user of Redis may not run MGET: grant it with ACL SETUSER" in seen["error"]
        assert "the user of Redis may not run EVAL: grant it with ACL SETUSER" in seen["error"]
        wait_until(lambda: len(watched.lines(position)) >= 1, what="the log line")
        assert len(watched.log.read_text()[position:].splitlines()) <= 2
        client.execute_command(*SHOP, *PERMISSIONS.split())
    wait_until(lambda: watched.answer(item_id=HOT, k="9") == ("cache", None), what="reads")
    _up_again(watched)
    assert watched.metric("hybrid_recs_unwritten_requests") == 0


def test_a_visitor_who_cannot_be_read_is_not_unknown(watched: Watched) -> None:
    with connect(watched.redis.url) as client:
        client.set(KEYS.session("broken"), "not a list", ex=60)
        client.lpush(KEYS.session("known"), f"1700000000-0 {HOT}")
        client.lpush(KEYS.user("half"), f"1700000000-0 {HOT}")
        client.lpush(KEYS.user_list(_generation(watched), "half"), "not a string")
    assert watched.answer(session_id="broken") == ("popular", "visitor_unavailable")
    # Others are read by the next round trip.
    assert watched.answer(session_id="known") == ("live", None)
    assert watched.answer(session_id="nobody") == ("popular", "nothing_known")
    assert watched.answer(user_id="half") == ("live", "visitor_unavailable")
    assert watched.answer(session_id="broken", item_id=TAIL) == ("live", "visitor_unavailable")
    assert "another type of value" in watched.dependency("redis")["last_error"]
    pid = watched.redis.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        assert watched.answer(session_id="known") == ("popular", "visitor_unavailable")
        assert watched.answer(user_id="nobody", item_id=TAIL) == ("live", "visitor_unavailable")
    finally:
        os.kill(pid, signal.SIGCONT)
    cause = {"cause": "visitor_unavailable"}
    assert watched.metric("hybrid_recs_requests_by_cause_total", source="popular", **cause) == 2
    assert watched.metric("hybrid_recs_requests_by_cause_total", source="live", **cause) == 3
    wait_until(lambda: watched.answer(session_id="known") == ("live", None), what="it is read again")


def _generation(watched: Watched) -> str:
    return str(watched.http.get("/readyz").json()["generation"])


def test_wrong_password_from_the_start(
    environment: dict[str, str], own_server: OwnRedis, tmp_path: Path
) -> None:
    environment["HYBRID_RECS_REDIS_URL"] = own_server.url.replace("unix://", "unix://shop:wrong@")
    log = tmp_path / "log"
    with child_service(log, environment) as service, httpx.Client(base_url=service.url) as http:
        running = Watched(http, own_server, log)
        wait_until(lambda: running.state() == "down", seconds=10, what="the refusal is noticed")
        words = "Redis refuses the user or the password: correct them in HYBRID_RECS_REDIS_URL"
        assert running.dependency("redis")["error"] == words
        wait_until(lambda: any(words in line for line in running.lines()), what="the log line")
        assert running.answer(item_id=HOT) == ("live", "cache_unavailable")
        assert "wrong" not in log.read_text().replace("wrong_", "")


def test_the_embedded_redis_is_started_again_and_counts_go_on(
    environment: dict[str, str], keys: Keys, tmp_path: Path
) -> None:
    del environment["HYBRID_RECS_REDIS_URL"]
    var = Path(environment["HYBRID_RECS_VAR_DIR"])
    log = tmp_path / "log"
    try:
        with child_service(log, environment) as service, httpx.Client(base_url=service.url) as http:
            url = f"unix://{var / 'redis' / 'redis.sock'}"

            def counted() -> int:
                try:
                    with connect(url) as client:
                        return hit_rate_report(client, keys, 3_600, lambda _: None).requests
                except UNREACHABLE:  # between its end and its start
                    return 0

            for _ in range(5):
                http.get("/recommendations", params={"item_id": TAIL})
            wait_until(lambda: counted() == 5, what="counts")
            os.kill(int((var / "redis" / "redis.pid").read_text()), signal.SIGKILL)
            for _ in range(5):
                http.get("/recommendations", params={"item_id": TAIL})
            wait_until(lambda: counted() == 10, what="it runs again, with the counts made meanwhile")
            line = "the embedded redis-server had ended and was started again"
            wait_until(lambda: log.read_text().count(line) == 1, what="the log line")
            # Stopped on purpose: it stays so.
            embedded_server.stop(var)
            wait_until(lambda: "was stopped by stop-redis" in log.read_text(), what="the other log line")
            assert embedded_server.has_ended(var)
    finally:
        embedded_server.stop(var)


def test_what_cannot_be_loaded_is_one_line_and_a_state(
    environment: dict[str, str], own_redis: OwnRedis, index_dir: Path, generation: Generation, tmp_path: Path
) -> None:
    log, pointer, published = tmp_path / "log", index_dir / "CURRENT", generation.id
    environment["HYBRID_RECS_POLL_SECONDS"] = "0.05"
    with child_service(log, environment) as service, httpx.Client(base_url=service.url) as http:
        running = Watched(http, own_redis, log)
        pointer.write_text("20990101T000000000000Z")
        wait_until(lambda: running.state("generations") == "degraded", what="a look at CURRENT")
        seen = running.dependency("generations")
        assert seen["failing"] == ["load"]
        assert f"cannot be loaded, generation {published} stays in service" in seen["error"]
        pointer.unlink()
        pointer.mkdir()  # an error that nobody expects, at every look
        wait_until(lambda: "watch" in running.dependency("generations")["failing"], what="the next look")
        wait_until(lambda: running.dependency("generations")["failures"] >= 4, what="three more looks")
        assert log.read_text().count("Traceback") == 1
        assert running.in_state("degraded", "generations") == 1
        pointer.rmdir()
        pointer.write_text(published)
        wait_until(lambda: running.state("generations") == "up", what="the published one serves")
        assert sum("generations is degraded" in line for line in running.lines()) == 1


def test_item_changes_that_cannot_be_read(
    service: ChildService, own_redis: OwnRedis, index_dir: Path, tmp_path: Path
) -> None:
    with httpx.Client(base_url=service.url) as http:
        running = Watched(http, own_redis, tmp_path / "log")
        path = index_dir / "items.sqlite"
        sqlite3.connect(path).close()
        path.write_bytes(b"no database" * 1_000)
        wait_until(lambda: running.state("item_changes") == "degraded", what="the damage is noticed")
        assert "move items.sqlite* away" in running.dependency("item_changes")["error"]
        path.unlink()
        wait_until(lambda: running.state("item_changes") == "up", what="a new file")
