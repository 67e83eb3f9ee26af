"""The service as a process: its startup time with the large catalogue, and the memory of its workers.

start_ready: from the start of the process to the first 200 of /readyz.
pss: proportional memory (Pss of /proc/PID/smaps_rollup: a page shared by n processes counts 1/n in each) of
the parent and all its descendants, with four workers over one worker, after the same live requests.
"""

import gc
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks import cores
from benchmarks.load.client import Client
from benchmarks.speed import traffic
from benchmarks.speed.harness import Harness, load_hot_lists
from benchmarks.speed.results import Benchmark, Result, at_most
from hybrid_recs.demo.child_service import child_service

_WORKERS = 4
_CONNECTIONS = 64


def _start(harness: Harness) -> Iterator[Result]:
    load_hot_lists(harness.redis_url, harness.large.current)
    seconds = []
    for _ in range(harness.run.starts):
        var = Path(tempfile.mkdtemp(dir=harness.folder))
        started = time.perf_counter()
        with (
            cores.pinned_to(cores.SERVER),
            child_service(var / "log", harness.large.environment(harness.redis_url, var)),
        ):
            seconds.append(time.perf_counter() - started)
    absolute = {"starts s": [round(s, 2) for s in seconds], "items": harness.large.items}
    yield at_most("start_ready", "start to ready", median(seconds), 2, absolute, unit="s")


def _pss(harness: Harness) -> Iterator[Result]:
    paths = traffic.request_paths(
        harness.large.current, traffic.tail_rows(harness.large.current, harness.run.live_requests)
    )
    load_hot_lists(harness.redis_url, harness.large.current)
    gc.collect()  # an index that stays mapped in this process would take its share of the Pss
    single, multiple = (_memory(harness, workers, paths) for workers in (1, _WORKERS))
    absolute = {
        "1 worker MB": round(single / 1e6, 1),
        f"{_WORKERS} workers MB": round(multiple / 1e6, 1),
        "live requests": len(paths),
        "items": harness.large.items,
    }
    what = f"proportional memory of {_WORKERS} workers over 1"
    yield at_most("pss", what, multiple / single, 1.6, absolute)


def _memory(harness: Harness, workers: int, paths: list[str]) -> int:
    """Bytes after one request per path, over enough connections that every worker gets some."""
    var = Path(tempfile.mkdtemp(dir=harness.folder))
    environment = harness.large.environment(harness.redis_url, var)
    with child_service(var / "log", environment, workers) as service:
        time.sleep(1)  # /readyz is answered by a single worker
        errors = Client(service.port, paths, _CONNECTIONS).each_once().errors
        if errors:
            raise RuntimeError(f"{errors} of {len(paths)} requests failed")
        return sum(pss(pid) for pid in process_tree(service.pid))


def pss(pid: int) -> int:
    """Proportional memory of one process, in bytes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1_024
    return 0


def process_tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    pids = [pid]
    for parent in pids:
        for task in Path(f"/proc/{parent}/task").iterdir():
            pids += [int(child) for child in (task / "children").read_text().split()]
    return pids


BENCHMARKS = [Benchmark(["start_ready"], _start), Benchmark(["pss"], _pss)]
