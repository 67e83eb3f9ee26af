"""Drift: how well the hot set that was built still fits what is asked for, and when to build it anew."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from hybrid_recs.generation.generation import Generation

HEAD_SHARE = 0.8
# Points of coverage that a rebuild is worth.
MAX_LOST = 0.02
_SHOWN = 10
_LATEST_HOURS = 24
_MIN_HOURS, _MIN_REQUESTS = 6, 1_000
# The slope must be this many standard errors below nought to count as a decay.
_SURE = 2.0
_MIN_DAYS, _MAX_DAYS = 1 / 24, 30.0


@dataclass(frozen=True, slots=True)
class Age:
    """Requests at one age of the hot set, in hours, and the share of them that it covered."""

    hours: float
    requests: int
    coverage: float


@dataclass(frozen=True, slots=True)
class Entering:
    """An item of today's head that is not hot."""

    item_id: str
    title: str | None
    requests: int
    share: float


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the requests have moved from the hot set.

    head_items: the fewest items that HEAD_SHARE of the latest requests are about; head_hot: how many of them
    are hot; head_coverage: the share of the head's requests that are for hot items. coverage: the same of all
    requests. ages: by the hour since the rebuild. lost_a_day: fall of coverage in a day, by weighted least
    squares over the ages, None where none can be told from chance. rebuild_days: the days in which MAX_LOST
    is lost. advice: in words.
    """

    generation: str
    head_items: int
    head_hot: int
    head_coverage: float | None
    coverage: float | None
    ages: list[Age]
    lost_a_day: float | None
    rebuild_days: float | None
    entering: list[Entering]
    advice: str


def drift(generation: Generation, asked: Mapping[int, Counter[str]]) -> Drift:
    """Of the item counts by hour (hours since 1970); hours before the build are not looked at."""
    built = int(datetime.fromisoformat(generation.manifest.created).timestamp() // 3_600)
    since = {hour: counts for hour, counts in sorted(asked.items()) if hour >= built and counts}
    ages = [
        Age(float(hour - built), counts.total(), _covered(generation, counts) / counts.total())
        for hour, counts in since.items()
    ]
    latest: Counter[str] = Counter()
    for hour in list(since)[-_LATEST_HOURS:]:
        latest.update(since[hour])
    head = _head(latest)
    lost = _lost_a_day(ages)
    days = None if lost is None else float(np.clip(MAX_LOST / lost, _MIN_DAYS, _MAX_DAYS))
    in_head = head.total()
    return Drift(
        generation=generation.id,
        head_items=len(head),
        head_hot=sum(is_hot(generation, item) for item in head),
        head_coverage=_covered(generation, head) / in_head if in_head else None,
        coverage=_covered(generation, latest) / latest.total() if latest else None,
        ages=ages,
        lost_a_day=lost,
        rebuild_days=days,
        entering=_entering(generation, head, latest.total()),
        advice=_advice(ages, lost, days),
    )


def is_hot(generation: Generation, item_id: str) -> bool:
    """Whether the generation holds a list of the item."""
    row = generation.catalogue.row(item_id)
    return row is not None and row in generation.hot


def _covered(generation: Generation, counts: Counter[str]) -> int:
    return sum(count for item, count in counts.items() if is_hot(generation, item))


def _head(counts: Counter[str]) -> Counter[str]:
    head: Counter[str] = Counter()
    wanted, got = HEAD_SHARE * counts.total(), 0
    for item, count in counts.most_common():
        if got >= wanted:
            break
        head[item] = count
        got += count
    return head


def _entering(generation: Generation, head: Counter[str], requests: int) -> list[Entering]:
    found = []
    for item, count in head.most_common():
        if not is_hot(generation, item):
            row = generation.catalogue.row(item)
            title = None if row is None else generation.catalogue.title(row)
            found.append(Entering(item, title, count, count / requests))
        if len(found) == _SHOWN:
            break
    return found


def _lost_a_day(ages: list[Age]) -> float | None:
    """The slope of coverage over age, weighted by requests, turned round; None unless clearly downwards."""
    if len(ages) < _MIN_HOURS or sum(age.requests for age in ages) < _MIN_REQUESTS:
        return None
    days = np.array([age.hours / 24 for age in ages])
    coverage = np.array([age.coverage for age in ages])
    weight = np.array([age.requests for age in ages], np.float64)
    from_mean = days - np.average(days, weights=weight)
    spread = float(np.sum(weight * from_mean**2))
    slope = float(np.sum(weight * from_mean * coverage)) / spread
    residuals = coverage - np.average(coverage, weights=weight) - slope * from_mean
    variance = float(np.sum(weight * residuals**2)) / (len(ages) - 2)
    error = float(np.sqrt(variance / spread))
    return -slope if slope < -_SURE * error and slope < 0 else None


def _advice(ages: list[Age], lost: float | None, days: float | None) -> str:
    if not ages:
        return "No item was counted since the rebuild: drift shows once there is traffic."
    if lost is None or days is None:
        return (
            f"No decay can be told from chance in the {len(ages)} hours counted since the rebuild: "
            "no reason here to rebuild sooner than new items ask for."
        )
    every = f"{days:.1f} days" if days >= 2 else f"{days * 24:.0f} hours"
    return (
        f"The hot set loses {lost * 100:.2f} points of coverage a day: rebuild every {every} "
        f"to lose no more than {MAX_LOST * 100:.0f} points."
    )
