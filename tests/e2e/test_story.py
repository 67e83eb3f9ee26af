"""A visitor's hour over HTTP.

She arrives, browses, and gets pushed recommendations; a product is added, another is withdrawn, a rebuild is
published, and she returns as a known user.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from hybrid_recs.cache import embedded_server
from hybrid_recs.demo.child_service import child_service
from tests.e2e.readme import PINNED
from tests.planted import item_id, world_of
from tests.services import wait_until

_TOML = """
keep_stray_times = true  # the history ended years before the events of this test

[[interactions]]
path = "interactions.csv"
user = "user"
item = "item"
time = "time"

[[interactions]]
path = "events"
user = ["user_id", "session_id"]
item = "item_id"
time = "time"
event = "type"
event_weights = { view = 1, cart = 3, purchase = 5 }
optional = true

[items]
path = "items.csv"
id = "id"
title = "title"
categories = { column = "worlds", separator = "|" }
"""


class Shop:
    """The shop's machine: its data, its settings, and the commands that are run on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = (
            os.environ
            | PINNED
            | {
                "HYBRID_RECS_INDEX_DIR": str(folder / "index"),
                "HYBRID_RECS_VAR_DIR": str(folder / "var"),
                "HYBRID_RECS_EVENTS_DIR": str(folder / "events"),
                "HYBRID_RECS_REDIS_URL": embedded_server.ensure_running(folder / "redis"),
                "HYBRID_RECS_ARCHIVE_SECONDS": "0.2",
                "HYBRID_RECS_POLL_SECONDS": "0.1",
                "HYBRID_RECS_LOG_PREDICTIONS_SHARE": "1",
                "HYBRID_RECS_FLUSH_SECONDS": "0.2",
            }
        )
        (folder / "dataset.toml").write_text(_TOML)

    def run(self, job: str, *options: str) -> str:
        command = [sys.executable, "-m", f"jobs.{job}", *options]
        ended = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert ended.returncode == 0, f"{job}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def run_on_dataset(self, job: str) -> str:
        return self.run(job, "--dataset", str(self.folder / "dataset.toml"))

    @contextmanager
    def consumer(self) -> Iterator[None]:
        command = [sys.executable, "-m", "jobs.consume_events"]
        process = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def shop(planted: Path, tmp_path: Path) -> Iterator[Shop]:
    for name in ("interactions.csv", "items.csv"):
        shutil.copy(planted.parent / name, tmp_path)
    yield Shop(tmp_path)
    embedded_server.stop(tmp_path / "redis")


class Visitor:
    """The requests of her browser."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._events = 0

    def recommendations(self, **parameters: Any) -> dict[str, Any]:
        response = self._http.get("/recommendations", params=parameters)
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def post_event(self, kind: str, item: str, **ids: str) -> None:
        self._events += 1
        event = {"event_id": f"e{self._events}", "type": kind, "item_id": item, **ids}
        response = self._http.post("/events", json=event)
        assert response.json()["accepted"] == 1, response.text


def _ids(response: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in response["items"]]


def _worlds(items: list[str]) -> set[int]:
    return {world_of(item) for item in items}


def _within_a_second(condition: Callable[[], bool], what: str) -> None:
    wait_until(condition, 3.0, what)  # one second is promised; three, because tests share their machine


def test_a_visitors_hour(shop: Shop) -> None:
    shop.run_on_dataset("rebuild_index")
    with (
        child_service(shop.folder / "log", shop.environment) as service,
        shop.consumer(),
        httpx.Client(base_url=service.url, timeout=20) as http,
    ):
        anna = Visitor(http)

        # She arrives; the shop knows only the interests that she states.
        welcome = anna.recommendations(session_id="s1", interests="world 2")
        assert (welcome["source"], welcome["fallback_reason"]) == ("popular", "nothing_known")
        assert _worlds(_ids(welcome)) == {2}

        # She views an item, and the very next response reflects it.
        anna.post_event("view", item_id(4, 0), session_id="s1")
        assert _worlds(_ids(anna.recommendations(session_id="s1"))) == {4}

        # She views more, and fitting items are pushed.
        with http.stream("GET", "/sessions/s1/recommendations/stream", timeout=20) as stream:
            lines = stream.iter_lines()
            next(line for line in lines if line.startswith("data:"))
            anna.post_event("view", item_id(5, 1), session_id="s1")
            anna.post_event("cart", item_id(5, 2), session_id="s1")
            deadline = time.monotonic() + 30
            pushed: list[str] = []
            while not _worlds(pushed) & {5}:
                assert time.monotonic() < deadline
                data = next(line for line in lines if line.startswith("data:"))
                pushed = _ids(json.loads(data.removeprefix("data:")))
        wait_until(lambda: anna.recommendations(session_id="s1")["source"] == "cache", what="a pushed list")
        before = _ids(anna.recommendations(session_id="s1"))

        # A product is added: it can be queried and is recommended at once.
        new = {"title": "Thing 99 of world 5", "categories": ["world 5", "all"]}
        assert http.put("/items/fresh", json=new).status_code == 201
        similar = anna.recommendations(item_id="fresh")
        assert (similar["source"], similar["fallback_reason"]) == ("content", "no_interactions")
        assert _worlds(_ids(similar)) == {5}
        _within_a_second(
            lambda: "fresh" in _ids(anna.recommendations(item_id=item_id(5, 0), k=100)), "the new product"
        )

        # Another is withdrawn: it is no longer recommended to anybody, but it can still be queried.
        gone = next(item for item in before if world_of(item) == 5)
        assert http.delete(f"/items/{gone}").status_code == 200
        _within_a_second(
            lambda: gone not in _ids(anna.recommendations(session_id="s1", k=100)), "the withdrawal"
        )
        assert gone not in _ids(anna.recommendations(item_id=item_id(5, 0), k=100))
        assert anna.recommendations(item_id=gone)["fallback_reason"] is None

        # She signs in and buys; overnight the shop learns from the day and computes every user's list.
        for item in ("fresh", item_id(5, 3), item_id(5, 4)):
            anna.post_event("purchase", item, session_id="s1", user_id="anna")
        archive = shop.folder / "events"
        wait_until(lambda: _archived(archive) == 6, 20, "all events in the archive")
        old = welcome["generation"]
        shop.run_on_dataset("rebuild_index")
        shop.run_on_dataset("recommend_users")
        wait_until(
            lambda: anna.recommendations(item_id="fresh")["generation"] != old, what="the new generation"
        )

        # She returns as a known user.
        known = anna.recommendations(user_id="anna")
        shown = _ids(known)
        assert (known["source"], known["fallback_reason"]) == ("batch", None)
        assert _worlds(_ids(known)) == {5}
        assert not {gone, "fresh", item_id(5, 3), item_id(5, 4)} & set(_ids(known))
        assert http.get("/items/fresh").json()["title"] == new["title"]
        assert gone not in _ids(anna.recommendations(item_id=item_id(5, 0), k=100))

        # Her latest events take precedence over the stored list.
        anna.post_event("view", item_id(7, 0), session_id="s2", user_id="anna")
        now = anna.recommendations(user_id="anna", session_id="s2")
        assert (now["source"], now["fallback_reason"]) == ("live", "list_stale")
        assert 7 in _worlds(_ids(now))

        anna.post_event("view", shown[0], user_id="anna", recommendation_id=known["recommendation_id"])
        time.sleep(0.5)  # the log is written every 0.2 s
        report = json.loads(shop.run("prediction_report", "--window", "1h", "--format", "json"))
        assert report["predictions"] > 5
        assert report["attributed"] == 1


def _archived(folder: Path) -> int:
    return sum(len(pl.read_parquet(file)) for file in folder.rglob("*.parquet"))
