"""What a consumer logs while Redis or its archive cannot be used."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.consumer.worker import Worker
from tests.consumers import accept_events, worker_on
from tests.planted import item_id
from tests.services import OwnRedis, wait_until


@contextmanager
def _running(worker: Worker) -> Iterator[None]:
    thread = threading.Thread(target=worker.run, args=(lambda: None,))
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join()


def _lines(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    return [line for record in caplog.records if (line := record.getMessage()).startswith(name)]


def test_redis_full_and_an_archive_that_cannot_be_written_are_a_line_each(
    own_redis: OwnRedis, keys: Keys, built_index: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    archive = tmp_path / "archive"
    with connect(own_redis.url) as client:
        accept_events(client, keys, [item_id(1, 0)] * 3)
        client.config_set("maxmemory", 1)
        worker = worker_on(own_redis.url, keys, built_index, archive)
        archive.parent.mkdir(exist_ok=True)
        archive.write_text("a file where the folder should be")
        with _running(worker):
            wait_until(lambda: bool(_lines(caplog, "redis is degraded")), what="the line of Redis")
            wait_until(lambda: bool(_lines(caplog, "maintenance is")), what="the line of the archive")
            assert "Redis is full and refuses writes: raise its maxmemory" in _lines(caplog, "redis")[0]
            client.config_set("maxmemory", 0)
            archive.unlink()
            wait_until(lambda: client.hget(keys.event_counts(), "applied") == b"3", what="events applied")
            wait_until(lambda: any(archive.rglob("*.parquet")), what="the archive")
            wait_until(lambda: bool(_lines(caplog, "redis is up again")), what="the line of its end")
        assert len(_lines(caplog, "redis")) == 2
