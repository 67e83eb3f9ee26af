"""Reads what is trending, about once a second a worker, however often it is asked for."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Literal, cast

import redis.asyncio

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.errors import RedisServerError
from hybrid_recs.ranking.item_pool import ItemPool

Window = Literal["hour", "day", "week"]

_FRESH_SECONDS = 1.0
_USABLE_SECONDS = 300.0


@dataclass(slots=True)
class TrendingSnapshot:
    """The trending items that may be recommended: rows and decayed counts, most popular first."""

    known: ItemPool
    rows: list[tuple[int, float]]
    _by_category: dict[str, list[tuple[int, float]]] | None = field(default=None)

    def of_category(self, category: str | None) -> list[tuple[int, float]]:
        """Those in a category; None: all. The categories are looked up once."""
        if category is None:
            return self.rows
        if self._by_category is None:
            self._by_category = {}
            for row, score in self.rows:
                for name in set(self.known.categories_of(row)):
                    self._by_category.setdefault(name, []).append((row, score))
        return self._by_category.get(category, [])


class TrendingReader:
    """The reader of one worker; belongs to one event loop."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._reading = asyncio.Lock()
        self._read: dict[str, tuple[float, TrendingSnapshot]] = {}

    async def top(self, window: Window, known: ItemPool) -> TrendingSnapshot:
        """What trends; a few minutes old at most where Redis is away, then RedisServerError."""
        async with self._reading:
            at, top = self._read.get(window, (float("-inf"), None))
            age = time.monotonic() - at
            if top is not None and age < _FRESH_SECONDS and top.known is known:
                return top
            try:
                top = await self._top(window, known)
            except UNREACHABLE as error:
                if top is None or age > _USABLE_SECONDS or top.known is not known:
                    raise RedisServerError(f"what is trending cannot be read: {error}") from error
                return top
            self._read[window] = time.monotonic(), top
            return top

    async def _top(self, window: Window, known: ItemPool) -> TrendingSnapshot:
        name = self._keys.trending(window)
        found = await self._client.zrange(name, 0, -1, desc=True, withscores=True)
        rows = []
        for item, score in cast(list[tuple[bytes, float]], found):
            row = known.row(item.decode("utf-8", "replace"))
            if row is not None and (known.eligible is None or row in known.eligible):
                rows.append((row, score))
        return TrendingSnapshot(known, rows)
