"""Real fixtures for every test: a redis-server for the tests only, and a generation built by the real job."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis
from rich.console import Console

from hybrid_recs.cache import embedded_server
from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.commands import rebuild_index
from hybrid_recs.demo.child_service import ChildService, child_service
from hybrid_recs.generation.generation import Generation
from hybrid_recs.offline.progress import Steps
from hybrid_recs.settings import Settings
from tests.paths import REAL_DATA
from tests.planted import write_planted
from tests.services import OwnRedis


@pytest.fixture(autouse=True)
def _ignore_outer_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own HYBRID_RECS_… variables must not affect a test."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"HYBRID_RECS_{name.upper()}", raising=False)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real server that stops after the tests."""
    folder = tmp_path_factory.mktemp("var")
    yield embedded_server.ensure_running(folder)
    embedded_server.stop(folder)


@pytest.fixture
def keys() -> Keys:
    """Key names that no other test uses."""
    return Keys(f"test-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A blocking client of the shared redis-server."""
    with connect(redis_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset.toml of the planted data."""
    return write_planted(tmp_path_factory.mktemp("planted"))


def quiet_steps() -> Steps:
    """Steps that print nothing."""
    return Steps(Console(quiet=True))


@pytest.fixture(scope="session")
def built_index(planted: Path, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index folder with one published generation of the planted data; tests must not change it."""
    folder = tmp_path_factory.mktemp("index")
    settings = Settings(index_dir=folder, redis_url=redis_url, key_prefix="built", hot_share=0.5)
    rebuild_index.rebuild(planted, None, settings, quiet_steps())
    return folder


@pytest.fixture
def index_dir(built_index: Path, tmp_path: Path) -> Path:
    """A copy of the built index that a test may change."""
    return Path(shutil.copytree(built_index, tmp_path / "index"))


@pytest.fixture(scope="session")
def generation(built_index: Path) -> Generation:
    """The opened generation of the planted data."""
    return Generation.open(built_index / "generations" / (built_index / "CURRENT").read_text().strip())


def real_data(name: str) -> Path:
    """A folder of the real data, or a skipped test."""
    folder = REAL_DATA / name
    if not folder.exists():
        pytest.skip(f"the real dataset {name} is not on this machine")
    return folder


@pytest.fixture(scope="session")
def shared_service(
    built_index: Path, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ChildService]:
    """One service for tests that only read; they share its counters."""
    folder = tmp_path_factory.mktemp("service")
    environment = {
        "HYBRID_RECS_INDEX_DIR": str(built_index),
        "HYBRID_RECS_REDIS_URL": redis_url,
        "HYBRID_RECS_KEY_PREFIX": "built",
        "HYBRID_RECS_VAR_DIR": str(folder),
        # Items that one test requests often must not change the source that another test sees.
        "HYBRID_RECS_RISING_MAX_ITEMS": "0",
        "HYBRID_RECS_REDIS_TIMEOUT_MS": "5000",  # a busy machine must not look like a Redis that is down
    }
    with child_service(folder / "log", environment) as service:
        yield service


@pytest.fixture
def http(shared_service: ChildService) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared_service.url, timeout=10) as client:
        yield client


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path / "own")
    yield server
    server.close()


@pytest.fixture
def environment(index_dir: Path, own_redis: OwnRedis, keys: Keys, tmp_path: Path) -> dict[str, str]:
    """Settings of a service used by one test only, with short intervals.

    Without a local cache: most of these tests harm Redis and expect to see that in the responses.
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
