"""Hot items: our service beside the ceiling of its server, and beside the tutorial service.

hot_local: a few distinct items, asked before, so that every answer is an in-process hit.
hot_redis_ceiling, hot_redis_tutorial: no in-process cache, many hot items: every answer is read from Redis.
Whether that is so is found by counting lookups in Redis over some requests after the rounds.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.ports import get
from benchmarks.servers import tutorial
from benchmarks.servers.process import comparator
from benchmarks.speed import paths
from benchmarks.speed.rig import Rig
from benchmarks.speed.rows import Part, Row, at_least
from benchmarks.speed.turns import ratio
from hybrid_recs.cache.client import connect
from hybrid_recs.demo.child_service import ChildService
from hybrid_recs.generation.generation import Generation

_FEW = 50
_MANY = 5_000
_COUNTED = 200
_NONE_AT_ALL = 0.1  # lookups a request: the service's own housekeeping asks Redis now and then


@contextmanager
def ceiling(rig: Rig, service: ChildService, path: str) -> Iterator[ChildService]:
    """The bare ASGI app, which answers all with what `service` answers to `path`."""
    answer, response = rig.folder / "answer.json", get(service.port, path)
    answer.write_text(json.dumps({"headers": response.headers, "body": response.body.decode()}))
    with comparator("ceiling", rig.folder / "ceiling.log", answer=answer) as bare:
        assert get(bare.port, path) == response
        yield bare


@contextmanager
def tutorial_service(rig: Rig, generation: Path) -> Iterator[ChildService]:
    """The straightforward service, its lists in the same Redis."""
    with connect(rig.redis_url) as client:
        tutorial.load_lists(client, Generation.open(generation))
    log = rig.folder / "tutorial.log"
    with comparator("tutorial", log, generation=generation, redis_url=rig.redis_url) as service:
        yield service


def redis_reads(rig: Rig, service: ChildService, asked: list[str]) -> float:
    """Lookups in Redis for one request to the service, the mean over some that are answered from a list."""
    with connect(rig.redis_url) as client:

        def lookups() -> int:
            stats = client.info("stats")
            return int(stats["keyspace_hits"]) + int(stats["keyspace_misses"])

        before = lookups()
        sources = {get(service.port, asked[i % len(asked)]).json()["source"] for i in range(_COUNTED)}
        if sources != {"cache"}:
            raise RuntimeError(f"hot items were answered by {', '.join(sorted(sources))}")
        return round((lookups() - before) / _COUNTED, 3)


def _local(rig: Rig) -> Iterator[Row]:
    generation = rig.large.current
    asked = paths.paths_of(generation, paths.hot(generation, _FEW))
    with rig.service(rig.large) as ours, ceiling(rig, ours, asked[0]) as bare:
        figures, absolute = rig.in_turns({"ours": ours, "ceiling": bare}, asked)
        reads = redis_reads(rig, ours, asked)
    absolute |= {"distinct items": len(asked), "Redis lookups a request": reads, "items": rig.large.items}
    what = "hot, in-process hit: throughput over ceiling"
    yield at_least("hot_local", what, ratio(figures, "ours", "ceiling"), 0.8, absolute, reads < _NONE_AT_ALL)


def _redis(rig: Rig) -> Iterator[Row]:
    generation = rig.large.current
    asked = paths.paths_of(generation, paths.hot(generation, _MANY))
    with (
        rig.service(rig.large, local_cache_mb=0) as ours,
        ceiling(rig, ours, asked[0]) as bare,
        tutorial_service(rig, generation) as plain,
    ):
        figures, absolute = rig.in_turns({"ours": ours, "ceiling": bare, "tutorial": plain}, asked)
        reads = redis_reads(rig, ours, asked)
    absolute |= {"distinct items": len(asked), "Redis lookups a request": reads, "items": rig.large.items}
    for over, bound in (("ceiling", 0.5), ("tutorial", 3.0)):
        what = f"hot, Redis each time: throughput over {over}"
        figure = ratio(figures, "ours", over)
        yield at_least(f"hot_redis_{over}", what, figure, bound, absolute, reads >= 1)


PARTS = [Part(["hot_local"], _local), Part(["hot_redis_ceiling", "hot_redis_tutorial"], _redis)]
