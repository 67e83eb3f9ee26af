"""Loads a generation's neighbour lists into Redis, and lets those of an older one expire."""

import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.generation.generation import Generation
from hybrid_recs.types import ProgressCallback, no_progress

_BATCH = 1_000
# The marker expires before the lists, so that they are renewed while they are still in Redis.
_MARKER_SHARE_OF_TTL = 0.8
RETIRED_SECONDS = 600
"""TTL of lists whose generation no longer serves: requests that began before the swap may still read them."""


def load_lists(
    client: redis.Redis,
    keys: Keys,
    generation: Generation,
    ttl_seconds: int,
    on_progress: ProgressCallback = no_progress,
) -> int:
    """Set every hot list and then the marker with their number; returns that number.

    Can be repeated at any time: a list never changes within its generation.
    """
    pipeline = client.pipeline(transaction=False)
    pending = 0
    for row, encoded in generation.hot.items():
        item_id = generation.catalogue.item_id(row)
        pipeline.set(keys.neighbours(generation.id, item_id), encoded, ex=ttl_seconds)
        pending += 1
        if pending == _BATCH:
            pipeline.execute()
            on_progress(pending)
            pending = 0
    pipeline.set(
        keys.ready(generation.id), len(generation.hot), ex=max(1, int(ttl_seconds * _MARKER_SHARE_OF_TTL))
    )
    pipeline.execute()
    on_progress(pending)
    return len(generation.hot)


def retire_lists(client: redis.Redis, keys: Keys, generation: Generation) -> None:
    """Let the lists of a generation that no longer serves expire soon, so that memory is not kept twice."""
    client.delete(keys.ready(generation.id))
    pipeline = client.pipeline(transaction=False)
    for position, row in enumerate(generation.hot.rows):
        name = keys.neighbours(generation.id, generation.catalogue.item_id(int(row)))
        pipeline.expire(name, RETIRED_SECONDS)
        if position % _BATCH == _BATCH - 1:
            pipeline.execute()
    pipeline.execute()
