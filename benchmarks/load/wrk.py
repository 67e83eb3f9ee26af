"""A closed-loop round by wrk: one thread, many connections, distinct paths from a file."""

import json
import subprocess
import tempfile
from pathlib import Path

from benchmarks.load.outcome import Load

_SCRIPT = Path(__file__).with_name("wrk.lua")


def run(port: int, paths: list[str], start: int, seconds: int, connections: int) -> Load:
    """Ask for `paths` in order, from position `start` on, for `seconds`."""
    with tempfile.NamedTemporaryFile("w", suffix=".paths") as file:
        file.write("\n".join(paths) + "\n")
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(_SCRIPT)]
        command += [f"http://127.0.0.1:{port}", "--", file.name, str(start)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return parse(printed)


def parse(printed: str) -> Load:
    """The last line of what wrk printed, written by our script."""
    figures = json.loads(printed.strip().splitlines()[-1])
    return Load(
        requests=figures["requests"],
        seconds=figures["microseconds"] / 1e6,
        errors=figures["errors"],
        p50_ms=figures["p50"] / 1e3,
        p99_ms=figures["p99"] / 1e3,
    )


def version() -> str:
    """As wrk says."""
    printed = subprocess.run(["wrk", "--version"], check=False, capture_output=True, text=True).stdout
    return printed.split()[1] if len(printed.split()) > 1 else "unknown"
