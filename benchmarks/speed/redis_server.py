"""Redis: time and memory of loading lists, and the effect of its loss on requests.

redis_load: lists of 100 random neighbours, written by NeighbourLists as the job writes its own, loaded by the
job's loader into an empty server. (Lists computed from data have other values, but the same size.)
redis_killed: the server is killed with SIGKILL under full load of Zipf traffic, in-process cache off.
"""

import dataclasses
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import cores
from benchmarks.load import CONNECTIONS
from benchmarks.load.client import Client
from benchmarks.speed import traffic
from benchmarks.speed.harness import Harness, own_redis
from benchmarks.speed.results import Benchmark, Result, at_most
from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.list_loader import load_lists
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.neighbour_lists import NeighbourLists
from hybrid_recs.types import Neighbours

_LISTS, _DEPTH = 100_000, 100
_DAY = 86_400


def _load(harness: Harness) -> Iterator[Result]:
    generation = _with_random_lists(Generation.open(harness.large.current), harness.folder)
    with own_redis(harness.folder / "empty") as url, connect(url) as client:
        before = int(client.info("memory")["used_memory"])
        started = time.perf_counter()
        count = load_lists(client, Keys(), generation, _DAY)
        seconds = time.perf_counter() - started
        bytes_per_list = (int(client.info("memory")["used_memory"]) - before) / count
    absolute = {"lists": count, "neighbours a list": _DEPTH, "bytes a list": round(bytes_per_list, 1)}
    what = f"{count:,} lists of {_DEPTH} into Redis; at most 1 KB each"
    yield at_most("redis_load", what, seconds, 10, absolute, unit="s", also=bytes_per_list <= 1_000)


def _with_random_lists(generation: Generation, folder: Path) -> Generation:
    """The same generation with `_LISTS` hot items, or as many as it has."""
    rng, n = np.random.default_rng(0), generation.manifest.vectors
    rows = np.arange(min(_LISTS, n))
    lists = (Neighbours(rng.integers(0, n, _DEPTH), -np.sort(-rng.random(_DEPTH, np.float32))) for _ in rows)
    NeighbourLists.write(folder, rows, lists)
    return dataclasses.replace(generation, hot=NeighbourLists.open(folder))


def _killed(harness: Harness) -> Iterator[Result]:
    generation = harness.small.current
    paths = traffic.request_paths(generation, traffic.zipf_rows(generation, 100_000))
    with own_redis(harness.folder / "killed") as url, connect(url) as redis:
        pid = int(redis.info("server")["process_id"])
        with harness.service(harness.small, url, local_cache_mb=0) as service, cores.pinned_to(cores.CLIENT):
            client = Client(service.port, paths, CONNECTIONS, keep_bodies=True)
            client.closed_loop(1)
            killer = threading.Timer(harness.run.lead, os.kill, (pid, signal.SIGKILL))
            kill = time.perf_counter() + harness.run.lead
            killer.start()
            exchanges = client.closed_loop(2 * harness.run.lead)
            killer.join()
    after = exchanges.done >= kill
    longest_after, longest_before = (float(exchanges.latency[part].max()) * 1e3 for part in (after, ~after))
    from_cache = [b'"source":"cache"' in body for body in exchanges.bodies]
    absolute = {
        "errors": exchanges.errors,
        "longest before ms": round(longest_before, 1),
        "requests before": int((~after).sum()),
        "requests after": int(after.sum()),
        "share from cache before": round(float(np.mean(np.array(from_cache)[~after])), 3),
        "share from cache after": round(float(np.mean(np.array(from_cache)[after])), 3),
    }
    what = "Redis killed under full load: longest request; no errors"
    yield at_most("redis_killed", what, longest_after, 250, absolute, unit="ms", also=exchanges.errors == 0)


BENCHMARKS = [Benchmark(["redis_load"], _load), Benchmark(["redis_killed"], _killed)]
