"""Starts comparators as child processes on the server's core."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import cores
from benchmarks.ports import accepts, free_port
from hybrid_recs.demo.child_service import ChildService

_START_SECONDS = 120.0
_STOP_SECONDS = 10.0


@contextmanager
def comparator(name: str, log: Path, **options: object) -> Iterator[ChildService]:
    """Run `python -m benchmarks.servers NAME --option value …` until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.servers", name, "--port", str(port)]
    for option, value in options.items():
        command += [f"--{option.replace('_', '-')}", str(value)]
    with cores.pinned_to(cores.SERVER), log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not accepts(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not start: {log.read_text(errors='replace')[-1_000:]}")
            time.sleep(0.05)
        yield ChildService(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
