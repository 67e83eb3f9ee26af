"""The embedded redis-server is started again when it has ended, and only then."""

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_recs.cache import embedded_server
from hybrid_recs.cache.client import connect
from hybrid_recs.cache.embedded_supervisor import Supervisor
from tests.clock import Clock
from tests.services import OwnRedis, runs


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnRedis]:
    running = OwnRedis(tmp_path)
    yield running
    running.close()


def test_a_killed_server_is_started_with_its_data(server: OwnRedis, tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    with connect(server.url) as client:
        client.set("kept", 1)
    first = server.pid
    supervisor.check()
    assert server.pid == first
    server.kill()
    assert embedded_server.has_ended(tmp_path)
    supervisor.check()
    assert server.pid != first
    with connect(server.url) as client:
        assert client.get("kept") == b"1"


def test_a_server_that_hangs_is_left_alone(server: OwnRedis, tmp_path: Path) -> None:
    """A second one would write into the same files."""
    pid = server.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        Supervisor(tmp_path).check()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert server.pid == pid
    log = embedded_server.log_file(tmp_path).read_text()
    assert log.count("Server initialized") == 1


def test_what_was_stopped_on_purpose_stays_so_until_somebody_starts_it(
    server: OwnRedis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = Supervisor(tmp_path, Clock())
    server.close()
    for _ in range(3):
        supervisor.check()
    assert embedded_server.has_ended(tmp_path)
    assert [record.getMessage() for record in caplog.records] == [
        "the embedded redis-server was stopped by stop-redis and is not started again"
    ]
    server.start()
    server.kill()
    supervisor.check()
    assert runs(server.url)


def test_pauses_between_starts_grow_to_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that ends at once, for five minutes."""
    caplog.set_level(logging.WARNING)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "redis-server").write_text("#!/bin/sh\nexit 1\n")
    (programs / "redis-server").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    (tmp_path / "redis").mkdir()
    clock = Clock()
    supervisor, starts = Supervisor(tmp_path, clock), []
    for second in range(300):
        clock.now = 1_000.0 + second
        before = len(caplog.records)
        supervisor.check()
        if len(caplog.records) > before:
            starts.append(second)
    assert starts == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    assert "cannot be started, next try in 60 s: redis-server did not start" in caplog.text
