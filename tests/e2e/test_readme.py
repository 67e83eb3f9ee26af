"""The README's commands, word for word and in order, on a copy of the checkout."""

import http.client
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_recs.cache import embedded_server
from tests.paths import ROOT

# What the search for parameters would find; it has tests of its own and takes half a minute here.
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


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """The files under version control, with this checkout's environment to save installing it again."""
    folder = tmp_path / "hybrid-recs"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    yield folder
    embedded_server.stop(folder / "var")


def _commands() -> list[str]:
    """Every line of the README's shell blocks, without its comment."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]


def _run(command: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ | PINNED,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _wait_until_it_listens(port: int) -> None:
    for _ in range(200):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise AssertionError("make serve did not become ready")


def test_the_commands_of_the_readme(checkout: Path) -> None:
    commands = _commands()
    assert [command.split()[:2] for command in commands] == [
        ["make", "demo"],
        ["make", "serve"],
        ["curl", "'http://127.0.0.1:8000/recommendations?item_id=SKU-012122&k=10'"],
        ["make", "rebuild-index"],
        ["make", "hit-rate-report"],
        ["make", "stop-redis"],
    ]
    demo, serve, curl, rebuild, report, stop = commands
    port = _free_port()
    shown = _run(demo, checkout)
    assert re.search(r"4,004 item requests, hit rate \d\d\.\d%", shown)
    assert "0 failed" in shown
    service = subprocess.Popen(
        [*serve.split(), f"PORT={port}"], cwd=checkout, start_new_session=True, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_it_listens(port)
        answer = _run(curl.replace(":8000", f":{port}"), checkout)
        assert '"source":"cache"' in answer
        assert answer.count("Running") >= 5, "a running shoe's neighbours are running gear"
        assert "is in service" in _run(rebuild, checkout)
        assert "item requests, hit rate" in _run(report, checkout)
    finally:
        os.killpg(service.pid, signal.SIGTERM)
        service.wait()
    assert "has stopped" in _run(stop, checkout)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_make_alone_lists_every_target(checkout: Path) -> None:
    shown = _run("make", checkout)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert [target for target in targets if f"{target} " not in shown] == []
