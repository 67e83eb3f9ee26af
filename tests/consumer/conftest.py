"""A consumer over a real Redis."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_recs.cache.keys import Keys
from hybrid_recs.consumer.worker import Worker
from tests.consumers import worker_on


@pytest.fixture
def worker(redis_url: str, keys: Keys, built_index: Path, tmp_path: Path) -> Iterator[Worker]:
    opened = worker_on(redis_url, keys, built_index, tmp_path / "archive")
    yield opened
    opened.archive.close()
