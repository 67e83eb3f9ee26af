"""Rising items: not hot when the generation was built, but requested often enough now to have a list.

Requests are counted in a sketch. An item with RISING_AFTER_REQUESTS recent requests is queued for admission,
and so is a tail item that trends among visitors' events. Once a second, off the request path, the lists of
queued items are computed as live answers are, and written to Redis under the same keys as hot lists but with
a shorter TTL. At most `max_items` are admitted; the least recently requested are evicted. A crawl over the
catalogue requests no item often and admits nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from itertools import islice
from typing import cast

import redis.asyncio

from hybrid_recs.cache.keys import Keys
from hybrid_recs.generation.neighbour_codec import encode_neighbours
from hybrid_recs.online.serving.count_min_sketch import FrequencySketch
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.settings import RISING_AFTER_REQUESTS

log = logging.getLogger(__name__)

ADMIT_EVERY_SECONDS = 1.0
TRENDING_EVERY_SECONDS = 5.0
_MAX_TRENDING = 100
_MAX_PER_ROUND = 50
_MAX_QUEUED = 1_000
# An item leaves before Redis expires its list, so that an expired list is not counted as lost.
_SHARE_OF_TTL = 0.9


class RisingItems:
    """The rising items of one generation, as one worker sees them."""

    def __init__(
        self,
        recommender: Recommender,
        keys: Keys,
        max_items: int,
        ttl_seconds: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recommender = recommender
        self._keys = keys
        self._max_items = max_items
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._sketch = FrequencySketch()
        self._queue: dict[int, None] = {}
        self._next_trending = 0.0
        self._admitted: dict[int, float] = {}  # row → when it leaves; least recently used first

    def __len__(self) -> int:
        return len(self._admitted)

    def touch(self, row: int) -> bool:
        """Whether Redis should have a list of `row`, which is then marked as used."""
        until = self._admitted.pop(row, 0.0)
        if until <= self._clock():
            return False
        self._admitted[row] = until
        return True

    def count(self, row: int) -> bool:
        """Count a request that was searched because the row has no list; whether it will get one."""
        if self._max_items and self._sketch.count(row) >= RISING_AFTER_REQUESTS:
            self._enqueue(row)
        return row in self._queue

    def restore(self, row: int) -> None:
        """Write the list of an admitted row again, because Redis lost it."""
        self._admitted.pop(row, None)
        self._enqueue(row)

    async def admit(self, client: redis.asyncio.Redis, threads: Executor) -> None:
        """Write the lists of queued rows; raises what the client raises, with nothing admitted."""
        await self._enqueue_trending(client)
        rows = list(islice(self._queue, min(_MAX_PER_ROUND, self._max_items)))
        if not rows:
            return
        lists = await asyncio.get_running_loop().run_in_executor(threads, self._encoded, rows)
        evicted = list(islice(self._admitted, max(0, len(self._admitted) + len(rows) - self._max_items)))
        pipeline = client.pipeline(transaction=False)
        for row, encoded in zip(rows, lists, strict=True):
            pipeline.set(self._key(row), encoded, ex=self._ttl_seconds)
        if evicted:
            pipeline.unlink(*map(self._key, evicted))
        until = self._clock() + _SHARE_OF_TTL * self._ttl_seconds
        await pipeline.execute()
        for row in evicted:
            self._admitted.pop(row, None)
        for row in rows:
            del self._queue[row]
            self._admitted[row] = until
        log.debug("admitted %d rising items, %d in all", len(rows), len(self._admitted))

    async def _enqueue_trending(self, client: redis.asyncio.Redis) -> None:
        """Queue the tail items with as many events in the last hour, whether they are requested or not."""
        if not self._max_items or self._clock() < self._next_trending:
            return
        self._next_trending = self._clock() + TRENDING_EVERY_SECONDS
        generation, name = self._recommender.generation, self._keys.trending("hour")
        counts = await client.zrange(name, 0, _MAX_TRENDING - 1, desc=True, withscores=True)
        for item_id, count in cast(list[tuple[bytes, float]], counts):
            row = generation.catalogue.row(item_id.decode("utf-8", "replace"))
            if row is None or row >= generation.manifest.learned or row in generation.hot:
                continue
            if count >= RISING_AFTER_REQUESTS and self._admitted.get(row, 0.0) <= self._clock():
                self._enqueue(row)

    def _enqueue(self, row: int) -> None:
        if len(self._queue) < _MAX_QUEUED:
            self._queue[row] = None

    def _encoded(self, rows: list[int]) -> list[bytes]:
        depth = self._recommender.generation.manifest.list_depth
        return [
            encode_neighbours(neighbours) for neighbours in self._recommender.neighbour_lists(rows, depth)
        ]

    def _key(self, row: int) -> str:
        generation = self._recommender.generation
        return self._keys.neighbours(generation.id, generation.catalogue.item_id(row))
