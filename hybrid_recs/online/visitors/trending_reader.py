"""Reads the trending items at most about once a second, however often they are requested."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Literal, cast

import redis.asyncio

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.redis_problems import describe
from hybrid_recs.errors import RedisServerError
from hybrid_recs.health import Check
from hybrid_recs.ranking.item_pool import ItemPool

Window = Literal["hour", "day", "week"]

_FRESH_SECONDS = 1.0
_USABLE_SECONDS = 300.0


@dataclass(slots=True)
class TrendingSnapshot:
    """The trending items that may be recommended: (row, decayed count), highest count first."""

    items: ItemPool
    ranked: list[tuple[int, float]]
    _by_category: dict[str, list[tuple[int, float]]] | None = field(default=None)

    def of_category(self, category: str | None, k: int) -> tuple[list[int], list[float]]:
        """The first k rows in a category (None: of all), and their counts."""
        ranked = (self.ranked if category is None else self._in_category(category))[:k]
        return [row for row, _ in ranked], [count for _, count in ranked]

    def _in_category(self, category: str) -> list[tuple[int, float]]:
        # Categories are looked up for the first request that names one.
        if self._by_category is None:
            self._by_category = {}
            for row, count in self.ranked:
                for name in set(self.items.categories_of(row)):
                    self._by_category.setdefault(name, []).append((row, count))
        return self._by_category.get(category, [])


class TrendingReader:
    """The reader of one worker; belongs to one event loop."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, check: Check) -> None:
        self._check = check
        self._client = client
        self._keys = keys
        self._lock = asyncio.Lock()
        self._snapshots: dict[str, tuple[float, TrendingSnapshot]] = {}

    async def snapshot(self, window: Window, items: ItemPool) -> TrendingSnapshot:
        """The trending items of a window. While Redis is unreachable they may be a few minutes old; after
        that raises RedisServerError."""
        async with self._lock:
            read_at, snapshot = self._snapshots.get(window, (float("-inf"), None))
            age = time.monotonic() - read_at
            if snapshot is not None and age < _FRESH_SECONDS and snapshot.items is items:
                return snapshot
            try:
                snapshot = await self._read(window, items)
            except UNREACHABLE as error:
                problem = describe(error)
                self._check.record_failure(problem)
                if snapshot is None or age > _USABLE_SECONDS or snapshot.items is not items:
                    raise RedisServerError(f"the trending items cannot be read: {problem.text}") from error
                return snapshot
            self._check.record_success()
            self._snapshots[window] = time.monotonic(), snapshot
            return snapshot

    async def _read(self, window: Window, items: ItemPool) -> TrendingSnapshot:
        name = self._keys.trending(window)
        counts = await self._client.zrange(name, 0, -1, desc=True, withscores=True)
        by_row: dict[int, float] = {}
        for item_id, count in cast(list[tuple[bytes, float]], counts):
            row = items.row(item_id.decode("utf-8", "replace"))
            if row is not None and (items.eligible is None or row in items.eligible):
                # Variants of a product, and spellings of an id, share a row.
                by_row[row] = by_row.get(row, 0.0) + count
        return TrendingSnapshot(items, sorted(by_row.items(), key=lambda pair: -pair[1]))
