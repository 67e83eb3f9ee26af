"""Counts of items by hour, within a bound, on their way to Redis; and a sample of the requests to count.

Counting every request by item would cost the fastest answers a tenth of their time. So one request in `step`
is counted, as `step` requests. The step doubles each time MAX_SAMPLED_PER_ROUND were counted since the last
round was closed, and halves again when few were: quiet services are counted exactly, busy ones to within a
few tenths of a point of hit rate.
"""

import random
from collections import Counter, defaultdict

MAX_ITEMS_HELD = 10_000
MAX_SAMPLED_PER_ROUND = 500
_MAX_STEP = 1_024


class HourlyCounts:
    """Item → count of each hour, until they are taken; the rarest go when there are too many."""

    def __init__(self) -> None:
        self._fresh: Counter[str] = Counter()
        self._by_hour: dict[int, Counter[str]] = defaultdict(Counter)

    def __bool__(self) -> bool:
        return bool(self._by_hour)

    def add(self, item_id: str, count: int = 1) -> None:
        """Count an item of the running round."""
        if item_id in self._fresh or len(self._fresh) < MAX_ITEMS_HELD:
            self._fresh[item_id] += count

    def close_round(self, hour: int) -> Counter[str]:
        """Put what was counted since the last call under `hour`; returns it."""
        fresh, self._fresh = self._fresh, Counter()
        if not fresh:
            return fresh
        held = self._by_hour[hour]
        held.update(fresh)
        if len(held) > MAX_ITEMS_HELD:
            self._by_hour[hour] = Counter(dict(held.most_common(MAX_ITEMS_HELD // 2)))
        return fresh

    def take(self) -> dict[int, dict[str, int]]:
        """All that is held, by hour; it is the caller's from now on."""
        taken, self._by_hour = self._by_hour, defaultdict(Counter)
        return {hour: dict(counts) for hour, counts in taken.items()}

    def forget_before(self, hour: int) -> None:
        """Drop hours that nobody will ask about any more."""
        for old in [held for held in self._by_hour if held < hour]:
            del self._by_hour[old]


class SampledCounts(HourlyCounts):
    """Counts a sample of what it is told of, each as the requests it stands for."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._step = self._stands_for = 1
        self._left = 1
        self._sampled = 0

    def asked(self, item_id: str) -> None:
        """A request for an item; the way of every request, so nearly always two lines."""
        self._left -= 1
        if self._left:
            return
        self.add(item_id, self._stands_for)
        self._sampled += 1
        if self._sampled > MAX_SAMPLED_PER_ROUND:
            self._step, self._sampled = min(2 * self._step, _MAX_STEP), 0
        # A gap of chance, `step` on average: traffic with a rhythm of its own must not hide in between.
        self._stands_for = self._step
        self._left = self._random.randint(1, 2 * self._step - 1)

    def close_round(self, hour: int) -> Counter[str]:
        """As for all counts; then the step follows the traffic down."""
        fresh = super().close_round(hour)
        if self._sampled < MAX_SAMPLED_PER_ROUND // 4 and self._step > 1:
            self._step //= 2
        self._sampled = 0
        return fresh
