"""The README's commands, and what the tests that run them share: a copy of the checkout, and a service.

The tests are in one file for each part, so that they run at the same time (--dist loadfile).
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.docs.pages import fenced
from tests.paths import ROOT

README = ROOT / "README.md"

# The search for parameters has tests of its own, and takes half a minute here.
PINNED = {
    "HYBRID_RECS_COVISIT_WEIGHT": "0.5",
    "HYBRID_RECS_TILT": "0.05",
    "HYBRID_RECS_STEPS": "3",
    "HYBRID_RECS_HALF_LIFE": "0.25",
    "HYBRID_RECS_TREND_HALF_LIFE": "0.01",
    "HYBRID_RECS_SESSION_WEIGHT": "1",
    "HYBRID_RECS_SESSION_TREND": "0",
    "HYBRID_RECS_SESSION_DECAY": "1",
    "HYBRID_RECS_USER_WEIGHT": "1",
    "HYBRID_RECS_USER_TREND": "0",
    "HYBRID_RECS_USER_DECAY": "0.5",
}
QUICK = PINNED | {
    "HYBRID_RECS_DIMENSIONS": "32",
    # On a loaded machine 50 ms may pass before Redis answers.
    "HYBRID_RECS_REDIS_TIMEOUT_MS": "5000",
}


def commands() -> list[str]:
    """Every line of the README's shell blocks, without its comment."""
    return [line.split("  #")[0].strip() for block in fenced(README, "sh") for line in block.splitlines()]


def command(start: str) -> str:
    """The one command of the README that begins so."""
    (found,) = [line for line in commands() if line.startswith(start)]
    return found


def run(line: str, checkout: Path, more: Mapping[str, str] | None = None) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=checkout,
        env=_environment(more),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextlib.contextmanager
def serving(checkout: Path) -> Iterator[int]:
    """The README's `make serve`, on a free port, until the block ends."""
    port = _free_port()
    service = subprocess.Popen(
        [*command("make serve").split(), f"PORT={port}"],
        cwd=checkout,
        env=_environment(),
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        os.killpg(service.pid, signal.SIGTERM)
        service.wait()


def wait_until_ready(port: int, seconds: float = 60.0) -> None:
    """Until a generation is loaded."""
    deadline = time.monotonic() + seconds
    while status(port) != 200:
        assert time.monotonic() < deadline, "make serve did not become ready"
        time.sleep(0.1)


def status(port: int) -> int | None:
    """Of /readyz; None while nothing listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def _environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    return os.environ | QUICK | dict(more or {})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
