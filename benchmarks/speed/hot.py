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
from benchmarks.speed.rig import Rig
from benchmarks.speed.rows import Part, Row, at_least
from benchmarks.speed.turns import ratio
from hybrid_recs.child_service import ChildService
from hybrid_recs.generation import Generation
from hybrid_recs.redis_client import connect

_FEW = 50
_MANY = 5_000


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


def _local(rig: Rig) -> Iterator[Row]:
    generation = rig.large.current
    asked = paths.paths_of(generation, paths.hot(generation, _FEW))
    with rig.service(rig.large) as ours, ceiling(rig, ours, asked[0]) as bare:
        figures, absolute = rig.in_turns({"ours": ours, "ceiling": bare}, asked)
        source = get(ours.port, asked[0]).json()["source"]
    absolute |= {"distinct items": len(asked), "source": source, "items": rig.large.items}
    what = "hot, in-process hit: throughput over ceiling"
    yield at_least("hot_local", what, ratio(figures, "ours", "ceiling"), 0.8, absolute, source == "cache")


def _redis(rig: Rig) -> Iterator[Row]:
    generation = rig.large.current
    asked = paths.paths_of(generation, paths.hot(generation, _MANY))
    with (
        rig.service(rig.large, local_cache_mb=0) as ours,
        ceiling(rig, ours, asked[0]) as bare,
        tutorial_service(rig, generation) as plain,
    ):
        figures, absolute = rig.in_turns({"ours": ours, "ceiling": bare, "tutorial": plain}, asked)
        sources = [get(server.port, asked[0]).json()["source"] for server in (ours, plain)]
    cached = set(sources) == {"cache"}
    absolute |= {"distinct items": len(asked), "sources": sources, "items": rig.large.items}
    for over, bound in (("ceiling", 0.5), ("tutorial", 3.0)):
        what = f"hot, Redis each time: throughput over {over}"
        figure = ratio(figures, "ours", over)
        yield at_least(f"hot_redis_{over}", what, figure, bound, absolute, cached)


PARTS = [Part(["hot_local"], _local), Part(["hot_redis_ceiling", "hot_redis_tutorial"], _redis)]
