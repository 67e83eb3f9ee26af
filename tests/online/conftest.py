"""The service over a real socket, and the ways to harm the Redis behind it."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from hybrid_recs import embedded_redis
from hybrid_recs.child_service import ChildService, child_service
from hybrid_recs.keys import Keys
from hybrid_recs.redis_client import connect


def wait_until(condition: Callable[[], bool], seconds: float = 10.0, what: str = "the condition") -> None:
    """Poll until true; fails by name when it never is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about within {seconds} s"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def shared_service(
    built_index: Path, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ChildService]:
    """One service for tests that only read; its counters are everybody's."""
    folder = tmp_path_factory.mktemp("service")
    environment = {
        "HYBRID_RECS_INDEX_DIR": str(built_index),
        "HYBRID_RECS_REDIS_URL": redis_url,
        "HYBRID_RECS_KEY_PREFIX": "built",
        "HYBRID_RECS_VAR_DIR": str(folder),
        # What one test asks for often must not change the source that another sees.
        "HYBRID_RECS_RISING_MAX_ITEMS": "0",
    }
    with child_service(folder / "log", environment) as service:
        yield service


@pytest.fixture
def http(shared_service: ChildService) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared_service.url, timeout=10) as client:
        yield client


class OwnRedis:
    """A redis-server of one test, to be killed, stopped and flushed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = embedded_redis.ensure_running(folder)

    @property
    def pid(self) -> int:
        with connect(self.url) as client:
            return int(client.info("server")["process_id"])

    def start(self) -> None:
        embedded_redis.ensure_running(self._folder)

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
        embedded_redis.stop(self._folder)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path / "own")
    yield server
    server.close()


@pytest.fixture
def environment(index_dir: Path, own_redis: OwnRedis, keys: Keys, tmp_path: Path) -> dict[str, str]:
    """Settings of a service of the test's own, quick to notice things.

    Without a local cache: most of these tests harm Redis and want to see it in the answers.
    """
    return {
        "HYBRID_RECS_INDEX_DIR": str(index_dir),
        "HYBRID_RECS_REDIS_URL": own_redis.url,
        "HYBRID_RECS_KEY_PREFIX": keys.prefix,
        "HYBRID_RECS_VAR_DIR": str(tmp_path / "var"),
        "HYBRID_RECS_FLUSH_SECONDS": "0.2",
        "HYBRID_RECS_LOCAL_CACHE_MB": "0",
    }


@pytest.fixture
def service(environment: dict[str, str], tmp_path: Path) -> Iterator[ChildService]:
    with child_service(tmp_path / "log", environment) as running:
        yield running
