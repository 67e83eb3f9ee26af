"""Helpers for tests of a running service: start one, wait for a condition, kill or flush its Redis."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from hybrid_recs.cache import embedded_server
from hybrid_recs.cache.client import UNREACHABLE, connect
from hybrid_recs.demo.child_service import child_service


def wait_until(condition: Callable[[], bool], seconds: float = 30.0, what: str = "the condition") -> None:
    """Poll until the condition is true; fail with its name after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)


@contextlib.contextmanager
def client_of_index(index_dir: Path, environment: dict[str, str], log: Path) -> Iterator[httpx.Client]:
    """A client of a service that follows what is published in `index_dir` closely."""
    settings = {"HYBRID_RECS_INDEX_DIR": str(index_dir), "HYBRID_RECS_POLL_SECONDS": "0.05"}
    with (
        child_service(log, environment | settings) as service,
        httpx.Client(base_url=service.url) as http,
    ):
        yield http


def wait_for_generation(http: httpx.Client, generation: str) -> None:
    """Until the service reads a generation."""
    wait_until(lambda: bool(http.get("/readyz").json()["generation"] == generation), 20, "the new generation")


def runs(url: str) -> bool:
    """Whether a redis-server answers at the URL."""
    try:
        with connect(url, timeout=1.0) as client:
            return bool(client.ping())
    except UNREACHABLE:
        return False


class OwnRedis:
    """A redis-server used by one test only, which may kill, stop and flush it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = embedded_server.ensure_running(folder)

    @property
    def pid(self) -> int:
        with connect(self.url) as client:
            return int(client.info("server")["process_id"])

    def start(self) -> None:
        embedded_server.ensure_running(self._folder)

    def kill(self) -> None:
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(pid, 0)
                time.sleep(0.01)

    def forget_everything(self) -> None:
        with connect(self.url) as client:
            client.flushall()

    def close(self) -> None:
        embedded_server.stop(self._folder)
