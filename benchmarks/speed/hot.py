"""Hot items: our service compared with the ceiling of its server and with the tutorial service.

hot_local: a few distinct items, requested before, so that every response is an in-process hit.
hot_redis_ceiling, hot_redis_tutorial: many hot items and no in-process cache: every response is read from
Redis. Both are verified by counting the lookups in Redis for some requests after the rounds.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.ports import get
from benchmarks.servers import tutorial
from benchmarks.servers.launcher import comparator
from benchmarks.speed import traffic
from benchmarks.speed.harness import Harness
from benchmarks.speed.interleaving import ratio
from benchmarks.speed.results import Benchmark, Result, at_least
from hybrid_recs.cache.client import connect
from hybrid_recs.demo.child_service import ChildService
from hybrid_recs.generation.generation import Generation

_FEW_ITEMS = 50
_MANY_ITEMS = 5_000
_COUNTED_REQUESTS = 200
_MAX_BACKGROUND_LOOKUPS = 0.1  # per request: the service's own housekeeping reads Redis now and then


@contextmanager
def ceiling(harness: Harness, service: ChildService, path: str) -> Iterator[ChildService]:
    """The bare ASGI app, which answers every request with the response of `service` to `path`."""
    file, response = harness.folder / "response.json", get(service.port, path)
    file.write_text(json.dumps({"headers": response.headers, "body": response.body.decode()}))
    with comparator("ceiling", harness.folder / "ceiling.log", response=file) as ceiling_server:
        assert get(ceiling_server.port, path) == response
        yield ceiling_server


@contextmanager
def tutorial_service(harness: Harness, generation: Path) -> Iterator[ChildService]:
    """The straightforward service, with its lists in the same Redis."""
    with connect(harness.redis_url) as client:
        tutorial.load_lists(client, Generation.open(generation))
    log = harness.folder / "tutorial.log"
    with comparator("tutorial", log, generation=generation, redis_url=harness.redis_url) as service:
        yield service


def redis_lookups(harness: Harness, service: ChildService, paths: list[str]) -> float:
    """Mean lookups in Redis per request to the service, over requests that are answered from a list."""
    with connect(harness.redis_url) as client:

        def lookups() -> int:
            stats = client.info("stats")
            return int(stats["keyspace_hits"]) + int(stats["keyspace_misses"])

        before = lookups()
        sources = {
            get(service.port, paths[i % len(paths)]).json()["source"] for i in range(_COUNTED_REQUESTS)
        }
        if sources != {"cache"}:
            raise RuntimeError(f"hot items were answered by {', '.join(sorted(sources))}")
        return round((lookups() - before) / _COUNTED_REQUESTS, 3)


def _local(harness: Harness) -> Iterator[Result]:
    generation = harness.large.current
    paths = traffic.request_paths(generation, traffic.hot_rows(generation, _FEW_ITEMS))
    with harness.service(harness.large) as ours, ceiling(harness, ours, paths[0]) as ceiling_server:
        figures, absolute = harness.measure_interleaved({"ours": ours, "ceiling": ceiling_server}, paths)
        lookups_per_request = redis_lookups(harness, ours, paths)
    absolute |= {
        "distinct items": len(paths),
        "Redis lookups a request": lookups_per_request,
        "items": harness.large.items,
    }
    what = "hot, in-process hit: throughput over ceiling"
    yield at_least(
        "hot_local",
        what,
        ratio(figures, "ours", "ceiling"),
        0.8,
        absolute,
        lookups_per_request < _MAX_BACKGROUND_LOOKUPS,
    )


def _redis(harness: Harness) -> Iterator[Result]:
    generation = harness.large.current
    paths = traffic.request_paths(generation, traffic.hot_rows(generation, _MANY_ITEMS))
    with (
        harness.service(harness.large, local_cache_mb=0) as ours,
        ceiling(harness, ours, paths[0]) as ceiling_server,
        tutorial_service(harness, generation) as tutorial_server,
    ):
        figures, absolute = harness.measure_interleaved(
            {"ours": ours, "ceiling": ceiling_server, "tutorial": tutorial_server}, paths
        )
        lookups_per_request = redis_lookups(harness, ours, paths)
    absolute |= {
        "distinct items": len(paths),
        "Redis lookups a request": lookups_per_request,
        "items": harness.large.items,
    }
    for over, bound in (("ceiling", 0.5), ("tutorial", 3.0)):
        what = f"hot, Redis each time: throughput over {over}"
        figure = ratio(figures, "ours", over)
        yield at_least(f"hot_redis_{over}", what, figure, bound, absolute, lookups_per_request >= 1)


BENCHMARKS = [
    Benchmark(["hot_local"], _local),
    Benchmark(["hot_redis_ceiling", "hot_redis_tutorial"], _redis),
]
