"""Hot items: our service beside the ceiling of its server, and beside the tutorial service.

hot_local: a few distinct items, asked before, so that every answer is an in-process hit.
hot_redis_ceiling, hot_redis_tutorial: no in-process cache, many hot items: every answer is read from Redis.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.ports import get
from benchmarks.servers import tutorial
from benchmarks.servers.process import comparator
from benchmarks.speed import paths
from benchmarks.speed.bench import Bench
from benchmarks.speed.rows import Part, Row, at_least
from benchmarks.speed.turns import ratio
from hybrid_recs.child_service import ChildService
from hybrid_recs.generation import Generation
from hybrid_recs.redis_client import connect

_FEW = 50
_MANY = 5_000


@contextmanager
def ceiling(bench: Bench, service: ChildService, path: str) -> Iterator[ChildService]:
    """The bare ASGI app, which answers all with what `service` answers to `path`."""
    answer, response = bench.folder / "answer.json", get(service.port, path)
    answer.write_text(json.dumps({"headers": response.headers, "body": response.body.decode()}))
    with comparator("ceiling", bench.folder / "ceiling.log", answer=answer) as bare:
        assert get(bare.port, path) == response
        yield bare


@contextmanager
def tutorial_service(bench: Bench, generation: Path) -> Iterator[ChildService]:
    """The straightforward service, its lists in the same Redis."""
    with connect(bench.redis_url) as client:
        tutorial.load_lists(client, Generation.open(generation))
    log = bench.folder / "tutorial.log"
    with comparator("tutorial", log, generation=generation, redis_url=bench.redis_url) as service:
        yield service


def _local(bench: Bench) -> Iterator[Row]:
    generation = bench.large.current
    asked = paths.paths_of(generation, paths.hot(generation, _FEW))
    with bench.service(bench.large) as ours, ceiling(bench, ours, asked[0]) as bare:
        figures, absolute = bench.in_turns({"ours": ours, "ceiling": bare}, asked)
        source = get(ours.port, asked[0]).json()["source"]
    absolute |= {"distinct items": len(asked), "source": source, "items": bench.large.items}
    what = "hot, in-process hit: throughput over ceiling"
    yield at_least("hot_local", what, ratio(figures, "ours", "ceiling"), 0.8, absolute, source == "cache")


def _redis(bench: Bench) -> Iterator[Row]:
    generation = bench.large.current
    asked = paths.paths_of(generation, paths.hot(generation, _MANY))
    with (
        bench.service(bench.large, local_cache_mb=0) as ours,
        ceiling(bench, ours, asked[0]) as bare,
        tutorial_service(bench, generation) as plain,
    ):
        figures, absolute = bench.in_turns({"ours": ours, "ceiling": bare, "tutorial": plain}, asked)
        sources = [get(server.port, asked[0]).json()["source"] for server in (ours, plain)]
    cached = set(sources) == {"cache"}
    absolute |= {"distinct items": len(asked), "sources": sources, "items": bench.large.items}
    for over, bound in (("ceiling", 0.5), ("tutorial", 3.0)):
        what = f"hot, Redis each time: throughput over {over}"
        figure = ratio(figures, "ours", over)
        yield at_least(f"hot_redis_{over}", what, figure, bound, absolute, cached)


PARTS = [Part(["hot_local"], _local), Part(["hot_redis_ceiling", "hot_redis_tutorial"], _redis)]
