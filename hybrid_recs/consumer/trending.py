"""Computes trending items: the decayed popularity over the buckets of each window, by one consumer at a
time."""

from collections import defaultdict
from heapq import nlargest
from typing import cast

import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.consumer.apply import MAX_ITEMS_PER_BUCKET
from hybrid_recs.events.trending_windows import WINDOWS, Window

MAX_TRENDING = 1_000
# The trending items of a window survive this many missed refreshes.
_MISSED_REFRESHES, _MIN_TTL = 30, 600


class TrendingRefresher:
    """Any number of consumers may try; one refreshes."""

    def __init__(self, client: redis.Redis, keys: Keys, name: str) -> None:
        self._client = client
        self._keys = keys
        self._name = name

    def refresh_due(self, now: float) -> list[str]:
        """Refresh the windows that no consumer refreshed within their interval; returns their names."""
        due = [window for window in WINDOWS if self._takes_lease(window)]
        for window in due:
            self.refresh(window, now)
        return [window.name for window in due]

    def refresh(self, window: Window, now: float) -> None:
        """Sum the window's buckets, each with its weight, and keep the most popular.

        The buckets are read one by one and summed here: a union inside Redis would block the reads of
        requests for tens of milliseconds.
        """
        total: dict[bytes, float] = defaultdict(float)
        for bucket, weight in window.weights(now).items():
            for item, count in self._interactions(window, bucket):
                total[item] += weight * count
        top = nlargest(MAX_TRENDING, total.items(), key=lambda pair: pair[1])
        name = self._keys.trending(window.name)
        pipeline = self._client.pipeline(transaction=True)
        pipeline.delete(name)
        if top:
            pipeline.zadd(name, dict(top))
            pipeline.expire(name, max(_MISSED_REFRESHES * window.refresh, _MIN_TTL))
        pipeline.execute()

    def _takes_lease(self, window: Window) -> bool:
        """Whether this consumer refreshes now; the lease expires when the next refresh is due."""
        lease = self._keys.refreshing(window.name)
        return bool(self._client.set(lease, self._name, nx=True, px=window.refresh * 1_000))

    def _interactions(self, window: Window, bucket: int) -> list[tuple[bytes, float]]:
        name = self._keys.interactions(window.name, bucket)
        pipeline = self._client.pipeline(transaction=False)
        pipeline.zremrangebyrank(name, 0, -MAX_ITEMS_PER_BUCKET - 1)
        pipeline.zrange(name, 0, -1, withscores=True)
        return cast(list[tuple[bytes, float]], pipeline.execute()[1])
