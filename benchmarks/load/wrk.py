"""A closed-loop round with wrk: one thread, many connections, distinct paths from a file."""

import json
import subprocess
import tempfile
from pathlib import Path

from benchmarks.load.exchanges import LoadSummary

_SCRIPT = Path(__file__).with_name("wrk.lua")


def run(port: int, paths: list[str], start: int, seconds: int, connections: int) -> LoadSummary:
    """Request `paths` in order, from position `start` on, for `seconds`."""
    with tempfile.NamedTemporaryFile("w", suffix=".paths") as file:
        file.write("\n".join(paths) + "\n")
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(_SCRIPT)]
        command += [f"http://127.0.0.1:{port}", "--", file.name, str(start)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return parse(output)


def parse(output: str) -> LoadSummary:
    """Parse the last line of wrk's output, which wrk.lua writes."""
    figures = json.loads(output.strip().splitlines()[-1])
    return LoadSummary(
        requests=figures["requests"],
        seconds=figures["microseconds"] / 1e6,
        errors=figures["errors"],
        p50_ms=figures["p50"] / 1e3,
        p99_ms=figures["p99"] / 1e3,
    )


def version() -> str:
    output = subprocess.run(["wrk", "--version"], check=False, capture_output=True, text=True).stdout
    return output.split()[1] if len(output.split()) > 1 else "unknown"
