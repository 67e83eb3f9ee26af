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
    """Item → count of each hour, until they are taken; the rarest items are dropped when there are too
    many."""

    def __init__(self) -> None:
        self._round: Counter[str] = Counter()
        self._by_hour: dict[int, Counter[str]] = defaultdict(Counter)

    def __bool__(self) -> bool:
        return bool(self._by_hour)

    def add(self, item_id: str, count: int = 1) -> None:
        """Count an item in the current round."""
        if item_id in self._round or len(self._round) < MAX_ITEMS_HELD:
            self._round[item_id] += count

    def close_round(self, hour: int) -> Counter[str]:
        """File the counts since the last call under `hour`; returns them."""
        counts, self._round = self._round, Counter()
        if not counts:
            return counts
        of_hour = self._by_hour[hour]
        of_hour.update(counts)
        if len(of_hour) > MAX_ITEMS_HELD:
            self._by_hour[hour] = Counter(dict(of_hour.most_common(MAX_ITEMS_HELD // 2)))
        return counts

    def take(self) -> dict[int, dict[str, int]]:
        """All closed rounds by hour, which are forgotten here."""
        by_hour, self._by_hour = self._by_hour, defaultdict(Counter)
        return {hour: dict(counts) for hour, counts in by_hour.items()}

    def drop_before(self, hour: int) -> None:
        """Drop hours that no report covers any more."""
        for expired in [held for held in self._by_hour if held < hour]:
            del self._by_hour[expired]


class SampledCounts(HourlyCounts):
    """Counts a sample of the items it is given, each as the requests it stands for."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._step = self._stands_for = 1
        self._left = 1
        self._sampled = 0

    def sample(self, item_id: str) -> None:
        """A request for an item. Called for every request, so nearly always two lines."""
        self._left -= 1
        if self._left:
            return
        self.add(item_id, self._stands_for)
        self._sampled += 1
        if self._sampled > MAX_SAMPLED_PER_ROUND:
            self._step, self._sampled = min(2 * self._step, _MAX_STEP), 0
        # A random gap, `step` on average: periodic traffic must not fall between the samples.
        self._stands_for = self._step
        self._left = self._random.randint(1, 2 * self._step - 1)

    def close_round(self, hour: int) -> Counter[str]:
        """As for all counts; then the step shrinks if traffic did."""
        counts = super().close_round(hour)
        if self._sampled < MAX_SAMPLED_PER_ROUND // 4 and self._step > 1:
            self._step //= 2
        self._sampled = 0
        return counts
