"""What a list costs in Redis and what a live answer costs in time: measured here and now, on the real
things."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.neighbour_codec import decode_head, encode_neighbours
from hybrid_recs.generation.vector_index import use_one_thread_per_search
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import Neighbours

_PROBES = 64
_PROBE_SECONDS = 30
_TIMED = 200
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class LiveCost:
    """Of one answer for ten items, searched and scored: CPU milliseconds on average, and milliseconds at the
    median and the 99th percentile, on one thread of this process. searched_ms: of them in the index, as its
    manifest says."""

    cpu_ms: float
    p50_ms: float
    p99_ms: float
    searched_ms: float | None


@dataclass(frozen=True, slots=True)
class ListCost:
    """Of one list: bytes in Redis, and milliseconds to read it and take out ten (median)."""

    bytes: float
    read_ms: float


def live_cost(generation: Generation, answers: int = _TIMED, seed: int = 1) -> LiveCost | None:
    """Time live answers for items that are not hot, at random; None for a catalogue without vectors."""
    vectors, hot = generation.manifest.vectors, len(generation.hot)
    if not vectors:
        return None
    use_one_thread_per_search()
    first = hot if hot < vectors else 0
    rows = np.random.default_rng(seed).integers(first, vectors, answers + answers // 10).tolist()
    recommender = Recommender(generation)
    wall, cpu = [], []
    for row in rows:
        before, cpu_before = time.perf_counter(), time.thread_time()
        recommender.live_neighbours(ItemQuery(row, _SHOWN))
        cpu.append(time.thread_time() - cpu_before)
        wall.append(time.perf_counter() - before)
    warm_wall, warm_cpu = wall[answers // 10 :], cpu[answers // 10 :]
    figures = [figure.milliseconds for figure in generation.manifest.index.search if figure.k >= _SHOWN]
    p50, p99 = (float(value) * 1e3 for value in np.quantile(warm_wall, (0.5, 0.99)))
    return LiveCost(float(np.mean(warm_cpu)) * 1e3, p50, p99, figures[0] if figures else None)


def list_cost(client: redis.Redis, keys: Keys, item_ids: Sequence[str], lists: Sequence[bytes]) -> ListCost:
    """Put some lists into Redis under names as long as the real ones, measure, and take them out again.

    Bytes are MEMORY USAGE of name, value and entry, and the share of the server's table of expiries, which
    that leaves out (MEMORY STATS). The probes expire by themselves should this process end in between.
    """
    token = uuid.uuid4().hex[:8]
    some = range(min(_PROBES, len(lists)))
    # A generation's id has 22 characters.
    names = [keys.neighbours(f"probe-{token:-<16}", item_ids[at]) for at in some]
    pipeline = client.pipeline(transaction=False)
    for name, encoded in zip(names, lists, strict=False):
        pipeline.set(name, encoded, ex=_PROBE_SECONDS)
    pipeline.execute()
    try:
        for name in names:
            pipeline.memory_usage(name, samples=0)
        used = cast(list[int], pipeline.execute())
        seconds = [_read_seconds(client, name) for name in names for _ in range(3)]
        return ListCost(float(np.mean(used)) + _expiry_bytes(client), float(np.median(seconds)) * 1e3)
    finally:
        client.unlink(*names)


def _read_seconds(client: redis.Redis, name: str) -> float:
    started = time.perf_counter()
    decode_head(cast(bytes, client.get(name)), _SHOWN)
    return time.perf_counter() - started


def _expiry_bytes(client: redis.Redis) -> float:
    """Of the table of expiries, for each of its keys; nearly all keys of ours have one."""
    stats: dict[str, Any] = client.memory_stats()
    tables = [table for name, table in stats.items() if name.startswith("db.")]
    expires = sum(int(table["overhead.hashtable.expires"]) for table in tables)
    return expires / max(int(stats["keys.count"]), 1)


def sample_lists(generation: Generation | None, depth: int) -> tuple[list[str], list[bytes]]:
    """Ids and encoded lists to measure with: of the hot set, evenly spread; made up where there is none."""
    if generation is not None and len(generation.hot):
        rows = generation.hot.rows[:: max(1, len(generation.hot) // _PROBES)].tolist()[:_PROBES]
        ids = [generation.catalogue.item_id(row) for row in rows]
        return ids, [generation.hot.encoded(row) or b"" for row in rows]
    made_up = encode_neighbours(Neighbours(np.arange(depth), np.ones(depth, np.float32)))
    return [f"item-{at:04}" for at in range(_PROBES)], [made_up] * _PROBES
