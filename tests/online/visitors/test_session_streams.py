"""Server-sent events over a real socket, with a real consumer behind them."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hybrid_recs.cache.keys import Keys
from hybrid_recs.consumer.worker import Worker
from hybrid_recs.demo.child_service import ChildService, child_service
from tests.consumers import worker_on
from tests.planted import item_id, world_of
from tests.services import OwnRedis, wait_until


class Listening:
    """The events of one stream, read in a thread of its own."""

    def __init__(self, url: str, session: str) -> None:
        self.events: list[tuple[str, Any]] = []
        self.comments = 0
        self.ended = False
        self._url = f"{url}/sessions/{session}/recommendations/stream"
        self._left = False
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def worlds(self) -> list[int]:
        """Of the best item of each event."""
        return [world_of(data["items"][0]["item_id"]) for _, data in self.events]

    def leave(self) -> None:
        """Hang up at the next line."""
        self._left = True

    def _read(self) -> None:
        upto = ""
        with httpx.stream("GET", self._url, timeout=30) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            for line in answer.iter_lines():
                if self._left:
                    return
                if line.startswith(":"):
                    self.comments += 1
                elif line.startswith("id: "):
                    upto = line.removeprefix("id: ")
                elif line.startswith("data: "):
                    self.events.append((upto, json.loads(line.removeprefix("data: "))))
        self.ended = True


@contextmanager
def consuming(url: str, keys: Keys, index: Path, archive: Path) -> Iterator[Worker]:
    worker = worker_on(url, keys, index, archive)
    thread = threading.Thread(target=worker.run, args=(lambda: None,))
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join()


def _click(http: httpx.Client, event_id: str, world: int, session: str = "s") -> None:
    event = {"event_id": event_id, "type": "view", "session_id": session, "item_id": item_id(world, 3)}
    assert http.post("/events", json=event).status_code == 202


def test_pushes_arrive_and_redis_may_restart(
    service: ChildService, own_redis: OwnRedis, keys: Keys, index_dir: Path, tmp_path: Path
) -> None:
    with (
        consuming(own_redis.url, keys, index_dir, tmp_path / "archive"),
        httpx.Client(base_url=service.url) as http,
    ):
        _click(http, "1", 2)
        stream, other = Listening(service.url, "s"), Listening(service.url, "another")
        wait_until(lambda: stream.worlds == [2], what="the state at the start")
        wait_until(lambda: len(other.events) == 1)
        assert other.events[0][1]["fallback_reason"] == "nothing_known"
        _click(http, "2", 5)
        wait_until(lambda: stream.worlds[-1] == 5, what="the push")
        ids = [upto for upto, _ in stream.events]
        assert ids == sorted(set(ids))
        # What was pushed is what a read gets, and it is there already.
        answer = http.get("/recommendations", params={"session_id": "s"}).json()
        assert [i["item_id"] for i in answer["items"]] == [
            i["item_id"] for i in stream.events[-1][1]["items"]
        ]
        assert answer["source"] == "cache"
        own_redis.kill()
        time.sleep(0.2)
        own_redis.start()
        wait_until(lambda: http.post("/events", json=[]).status_code == 200)
        for n in range(50):
            with_id = {"event_id": f"r{n}", "type": "view", "session_id": "s", "item_id": item_id(6, n % 5)}
            if http.post("/events", json=with_id).status_code == 202:
                break
            time.sleep(0.1)
        wait_until(lambda: stream.worlds[-1] == 6, what="a push after the restart")
        assert len(other.events) == 1


def _has_room(http: httpx.Client) -> bool:
    with http.stream("GET", "/sessions/c/recommendations/stream") as answer:
        return answer.status_code == 200


def test_heartbeats_a_bound_and_a_quick_end(environment: dict[str, str], tmp_path: Path) -> None:
    environment["HYBRID_RECS_HEARTBEAT_SECONDS"] = "0.1"
    environment["HYBRID_RECS_STREAMS_MAX"] = "2"
    with child_service(tmp_path / "log", environment, workers=1) as service:
        first, second = Listening(service.url, "a"), Listening(service.url, "b")
        wait_until(lambda: first.comments > 2 and second.comments > 2, what="heartbeats")
        with httpx.Client(base_url=service.url) as http:
            refused = http.get("/sessions/c/recommendations/stream")
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_many_streams")
        second.leave()
        with httpx.Client(base_url=service.url) as http:
            wait_until(lambda: _has_room(http), what="room for another stream")
        with pytest.raises(AssertionError):
            wait_until(lambda: first.ended, seconds=0.2)
        os.kill(service.pid, signal.SIGTERM)
        started = time.monotonic()
        wait_until(lambda: first.ended, seconds=3, what="the end of the streams")
        with httpx.Client() as http:

            def is_gone() -> bool:
                try:
                    http.get(f"{service.url}/healthz")
                except httpx.TransportError:
                    return True
                return False

            wait_until(is_gone, seconds=3, what="the end of the service")
        assert time.monotonic() - started < 3
    assert "Traceback" not in (tmp_path / "log").read_text()
