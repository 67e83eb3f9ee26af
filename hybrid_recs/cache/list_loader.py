"""Puts a generation's neighbour lists into Redis, and takes those of an older one out again."""

import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.generation.generation import Generation
from hybrid_recs.types import ProgressCallback, no_progress

_BATCH = 1_000
# The marker goes before the lists do, so that they are renewed while they are still there.
_MARKER_SHARE_OF_TTL = 0.8
# Requests that began before the swap may still ask for the old lists.
_RETIRED_SECONDS = 600


def load_lists(
    client: redis.Redis,
    keys: Keys,
    generation: Generation,
    ttl_seconds: int,
    on_progress: ProgressCallback = no_progress,
) -> int:
    """Set every hot list and then the marker that says how many there are; returns that number.

    May be repeated at any time: a list never changes within its generation.
    """
    pipeline = client.pipeline(transaction=False)
    waiting = 0
    for row, encoded in generation.hot.items():
        item_id = generation.catalogue.item_id(row)
        pipeline.set(keys.neighbours(generation.id, item_id), encoded, ex=ttl_seconds)
        waiting += 1
        if waiting == _BATCH:
            pipeline.execute()
            on_progress(waiting)
            waiting = 0
    pipeline.set(
        keys.ready(generation.id), len(generation.hot), ex=max(1, int(ttl_seconds * _MARKER_SHARE_OF_TTL))
    )
    pipeline.execute()
    on_progress(waiting)
    return len(generation.hot)


def retire_lists(client: redis.Redis, keys: Keys, generation: Generation) -> None:
    """Let the lists of a generation that no longer serves expire soon, so that memory is not kept twice."""
    client.delete(keys.ready(generation.id))
    pipeline = client.pipeline(transaction=False)
    for at, row in enumerate(generation.hot.rows):
        name = keys.neighbours(generation.id, generation.catalogue.item_id(int(row)))
        pipeline.expire(name, _RETIRED_SECONDS)
        if at % _BATCH == _BATCH - 1:
            pipeline.execute()
    pipeline.execute()
