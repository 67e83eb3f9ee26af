"""The memory of a list in Redis and the time of a live answer, measured on the real server and generation."""

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
_K = 10


@dataclass(frozen=True, slots=True)
class LiveCost:
    """The time of one answer with ten items, searched and scored on one thread of this process: mean CPU
    milliseconds, median and 99th percentile. searched_ms: the part spent in the index, from the manifest."""

    cpu_ms: float
    p50_ms: float
    p99_ms: float
    searched_ms: float | None


@dataclass(frozen=True, slots=True)
class ListCost:
    """Bytes of one list in Redis, and the median milliseconds to read it and decode ten items."""

    bytes: float
    read_ms: float


def live_cost(generation: Generation, answers: int = _TIMED, seed: int = 1) -> LiveCost | None:
    """Time live answers for random items that are not hot; None for a catalogue without vectors."""
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
        recommender.live_neighbours(ItemQuery(row, _K))
        cpu.append(time.thread_time() - cpu_before)
        wall.append(time.perf_counter() - before)
    warm_wall, warm_cpu = wall[answers // 10 :], cpu[answers // 10 :]
    figures = [figure.milliseconds for figure in generation.manifest.index.search if figure.k >= _K]
    p50, p99 = (float(value) * 1e3 for value in np.quantile(warm_wall, (0.5, 0.99)))
    return LiveCost(float(np.mean(warm_cpu)) * 1e3, p50, p99, figures[0] if figures else None)


def list_cost(client: redis.Redis, keys: Keys, item_ids: Sequence[str], lists: Sequence[bytes]) -> ListCost:
    """Write sample lists to Redis under keys as long as the real ones, measure them, and delete them.

    Bytes are MEMORY USAGE of key, value and entry, plus a share of the table of expiries, which it leaves out
    (MEMORY STATS). The probes have a TTL, in case this process is killed before it deletes them.
    """
    token = uuid.uuid4().hex[:8]
    # As long as the id of a generation: 22 characters.
    probe = f"probe-{token:-<16}"
    names = [keys.neighbours(probe, item_id) for item_id in item_ids[: min(_PROBES, len(lists))]]
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
    decode_head(cast(bytes, client.get(name)), _K)
    return time.perf_counter() - started


def _expiry_bytes(client: redis.Redis) -> float:
    """Bytes of the table of expiries per key; nearly all keys of the service have a TTL."""
    stats: dict[str, Any] = client.memory_stats()
    tables = [table for name, table in stats.items() if name.startswith("db.")]
    expires = sum(int(table["overhead.hashtable.expires"]) for table in tables)
    return expires / max(int(stats["keys.count"]), 1)


def sample_lists(generation: Generation | None, depth: int) -> tuple[list[str], list[bytes]]:
    """Ids and encoded lists for the measurement: an even sample of the hot set, or made-up lists of
    `depth`."""
    if generation is not None and len(generation.hot):
        rows = generation.hot.rows[:: max(1, len(generation.hot) // _PROBES)].tolist()[:_PROBES]
        ids = [generation.catalogue.item_id(row) for row in rows]
        return ids, [generation.hot.encoded(row) or b"" for row in rows]
    made_up = encode_neighbours(Neighbours(np.arange(depth), np.ones(depth, np.float32)))
    return [f"item-{number:04}" for number in range(_PROBES)], [made_up] * _PROBES
