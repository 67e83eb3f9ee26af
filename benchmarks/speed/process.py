"""The service as a process: how fast it starts at the large catalogue, and what its workers weigh.

start_ready: from starting the process to the first 200 of /readyz.
pss: proportional memory (Pss of /proc/PID/smaps_rollup: a page shared by n processes counts 1/n in each) of
the parent and all its descendants, with four workers and with one, after the same live requests.
"""

import gc
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks import cores
from benchmarks.load.client import Client
from benchmarks.speed import paths
from benchmarks.speed.rig import Rig, load_hot_lists
from benchmarks.speed.rows import Part, Row, at_most
from hybrid_recs.demo.child_service import child_service

_WORKERS = 4
_CONNECTIONS = 64


def _start(rig: Rig) -> Iterator[Row]:
    load_hot_lists(rig.redis_url, rig.large.current)
    seconds = []
    for _ in range(rig.pace.starts):
        var = Path(tempfile.mkdtemp(dir=rig.folder))
        started = time.perf_counter()
        with (
            cores.on(cores.SERVER),
            child_service(var / "log", rig.large.environment(rig.redis_url, var)),
        ):
            seconds.append(time.perf_counter() - started)
    absolute = {"starts s": [round(s, 2) for s in seconds], "items": rig.large.items}
    yield at_most("start_ready", "start to ready", median(seconds), 2, absolute, unit="s")


def _pss(rig: Rig) -> Iterator[Row]:
    asked = paths.paths_of(rig.large.current, paths.tail(rig.large.current, rig.pace.live_requests))
    load_hot_lists(rig.redis_url, rig.large.current)
    gc.collect()  # nothing of the index may stay mapped here: it would take its part of the Pss
    one, many = (_weight(rig, workers, asked) for workers in (1, _WORKERS))
    absolute = {
        "1 worker MB": round(one / 1e6, 1),
        f"{_WORKERS} workers MB": round(many / 1e6, 1),
        "live requests": len(asked),
        "items": rig.large.items,
    }
    yield at_most("pss", f"proportional memory of {_WORKERS} workers over 1", many / one, 1.6, absolute)


def _weight(rig: Rig, workers: int, asked: list[str]) -> int:
    """Bytes after every path was asked for once, by so many connections that each worker gets some."""
    var = Path(tempfile.mkdtemp(dir=rig.folder))
    environment = rig.large.environment(rig.redis_url, var)
    with child_service(var / "log", environment, workers) as service:
        time.sleep(1)  # /readyz tells of one worker
        errors = Client(service.port, asked, _CONNECTIONS).each_once().errors
        if errors:
            raise RuntimeError(f"{errors} of {len(asked)} requests failed")
        return sum(pss(pid) for pid in family(service.pid))


def pss(pid: int) -> int:
    """Proportional memory of one process, in bytes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1_024
    return 0


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


PARTS = [Part(["start_ready"], _start), Part(["pss"], _pss)]
