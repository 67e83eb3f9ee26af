"""Rising items: not hot when the generation was built, but asked for so often now that a list pays.

Requests are counted in a sketch; an item asked for RISING_AFTER_REQUESTS times lately is wanted, and so is a
tail item that trends among visitors' events. Once a second, off the request path, lists of the wanted are
computed as a live answer is, written to Redis under the same keys as the hot ones but with a shorter TTL, and
answered from there. At most `most_items` are admitted: the least recently read make room. A crawl over the
catalogue asks for no item often, and admits nothing.
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
# A list is given up before Redis drops it, so that its end is not a miss.
_SHARE_OF_TTL = 0.9


class RisingItems:
    """The rising items of one generation, as one worker sees them."""

    def __init__(
        self,
        recommender: Recommender,
        keys: Keys,
        most_items: int,
        ttl_seconds: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recommender = recommender
        self._keys = keys
        self._most_items = most_items
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._sketch = FrequencySketch()
        self._wanted: dict[int, None] = {}
        self._trending_again = 0.0
        self._admitted: dict[int, float] = {}  # row → when to give it up; least recently read first

    def __len__(self) -> int:
        return len(self._admitted)

    def __contains__(self, row: int) -> bool:
        """Whether Redis should have a list of `row`; to ask is to use it."""
        until = self._admitted.pop(row, 0.0)
        if until <= self._clock():
            return False
        self._admitted[row] = until
        return True

    def asked(self, row: int) -> bool:
        """Count a request that had to be searched because the row has no list; whether it is to get one."""
        if self._most_items and self._sketch.count(row) >= RISING_AFTER_REQUESTS:
            self._want(row)
        return row in self._wanted

    def missing(self, row: int) -> None:
        """Redis lacks the list of an admitted row: it is written again."""
        self._admitted.pop(row, None)
        self._want(row)

    async def admit(self, client: redis.asyncio.Redis, threads: Executor) -> None:
        """Write lists of the wanted; raises what the client raises, with nothing admitted."""
        await self._look_at_trending(client)
        rows = list(islice(self._wanted, min(_MAX_PER_ROUND, self._most_items)))
        if not rows:
            return
        lists = await asyncio.get_running_loop().run_in_executor(threads, self._encoded, rows)
        leaving = list(islice(self._admitted, max(0, len(self._admitted) + len(rows) - self._most_items)))
        pipeline = client.pipeline(transaction=False)
        for row, encoded in zip(rows, lists, strict=True):
            pipeline.set(self._key(row), encoded, ex=self._ttl_seconds)
        if leaving:
            pipeline.unlink(*map(self._key, leaving))
        until = self._clock() + _SHARE_OF_TTL * self._ttl_seconds
        await pipeline.execute()
        for row in leaving:
            self._admitted.pop(row, None)
        for row in rows:
            del self._wanted[row]
            self._admitted[row] = until
        log.debug("admitted %d rising items, %d in all", len(rows), len(self._admitted))

    async def _look_at_trending(self, client: redis.asyncio.Redis) -> None:
        """Tail items that visitors met often within the last hour, asked for or not, are wanted too."""
        if not self._most_items or self._clock() < self._trending_again:
            return
        self._trending_again = self._clock() + TRENDING_EVERY_SECONDS
        generation, name = self._recommender.generation, self._keys.trending("hour")
        found = await client.zrange(name, 0, _MAX_TRENDING - 1, desc=True, withscores=True)
        for item, met in cast(list[tuple[bytes, float]], found):
            row = generation.catalogue.row(item.decode("utf-8", "replace"))
            if row is None or row >= generation.manifest.learned or row in generation.hot:
                continue
            if met >= RISING_AFTER_REQUESTS and self._admitted.get(row, 0.0) <= self._clock():
                self._want(row)

    def _want(self, row: int) -> None:
        if len(self._wanted) < _MAX_QUEUED:
            self._wanted[row] = None

    def _encoded(self, rows: list[int]) -> list[bytes]:
        depth = self._recommender.generation.manifest.list_depth
        return [encode_neighbours(found) for found in self._recommender.neighbour_lists(rows, depth)]

    def _key(self, row: int) -> str:
        generation = self._recommender.generation
        return self._keys.neighbours(generation.id, generation.catalogue.item_id(row))
