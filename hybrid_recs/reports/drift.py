"""Drift: how well the hot set of the last rebuild still covers the requests, and when to rebuild."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from hybrid_recs.generation.generation import Generation

HEAD_SHARE = 0.8
# The loss of coverage, in shares of the requests, that justifies a rebuild.
MAX_LOST = 0.02
_MAX_SHOWN = 10
_LATEST_HOURS = 24
_MIN_HOURS, _MIN_REQUESTS = 6, 1_000
# The slope must be this many standard errors below zero to count as a decay.
_MIN_STANDARD_ERRORS = 2.0
_MIN_DAYS, _MAX_DAYS = 1 / 24, 30.0


@dataclass(frozen=True, slots=True)
class AgeCoverage:
    """Requests at one age of the hot set, in hours, and the share of them that it covered."""

    hours: float
    requests: int
    coverage: float


@dataclass(frozen=True, slots=True)
class EnteringItem:
    """An item of the current head that is not hot."""

    item_id: str
    title: str | None
    requests: int
    share: float


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the requests have moved away from the hot set.

    head_items: the smallest number of items with HEAD_SHARE of the latest requests. head_hot: how many of
    them are hot. head_coverage: share of the head's requests that are for hot items. coverage: the same for
    all requests. ages: by hour since the rebuild. lost_a_day: loss of coverage per day, by weighted least
    squares over the ages; None if it is not significant. rebuild_days: days until MAX_LOST is lost. advice: a
    sentence.
    """

    generation: str
    head_items: int
    head_hot: int
    head_coverage: float | None
    coverage: float | None
    ages: list[AgeCoverage]
    lost_a_day: float | None
    rebuild_days: float | None
    entering: list[EnteringItem]
    advice: str


def drift(generation: Generation, requested: Mapping[int, Counter[str]]) -> Drift:
    """The drift of a generation.

    requested: requests by item, for each hour since 1970; hours before the build are ignored.
    """
    built = int(datetime.fromisoformat(generation.manifest.created).timestamp() // 3_600)
    by_hour = {hour: counts for hour, counts in sorted(requested.items()) if hour >= built and counts}
    ages = [
        AgeCoverage(float(hour - built), counts.total(), _covered(generation, counts) / counts.total())
        for hour, counts in by_hour.items()
    ]
    latest: Counter[str] = Counter()
    for hour in list(by_hour)[-_LATEST_HOURS:]:
        latest.update(by_hour[hour])
    head = _head(latest)
    lost = _lost_a_day(ages)
    days = None if lost is None else float(np.clip(MAX_LOST / lost, _MIN_DAYS, _MAX_DAYS))
    return Drift(
        generation=generation.id,
        head_items=len(head),
        head_hot=sum(is_hot(generation, item) for item in head),
        head_coverage=_covered(generation, head) / head.total() if head else None,
        coverage=_covered(generation, latest) / latest.total() if latest else None,
        ages=ages,
        lost_a_day=lost,
        rebuild_days=days,
        entering=_entering_items(generation, head, latest.total()),
        advice=_advice(ages, lost, days),
    )


def is_hot(generation: Generation, item_id: str) -> bool:
    """Whether the generation has a precomputed list of the item."""
    row = generation.catalogue.row(item_id)
    return row is not None and row in generation.hot


def _covered(generation: Generation, counts: Counter[str]) -> int:
    return sum(count for item, count in counts.items() if is_hot(generation, item))


def _head(counts: Counter[str]) -> Counter[str]:
    """The most requested items that together have HEAD_SHARE of the requests."""
    head: Counter[str] = Counter()
    target, total = HEAD_SHARE * counts.total(), 0
    for item, count in counts.most_common():
        if total >= target:
            break
        head[item] = count
        total += count
    return head


def _entering_items(generation: Generation, head: Counter[str], requests: int) -> list[EnteringItem]:
    items: list[EnteringItem] = []
    for item, count in head.most_common():
        if len(items) == _MAX_SHOWN:
            break
        if not is_hot(generation, item):
            row = generation.catalogue.row(item)
            title = None if row is None else generation.catalogue.title(row)
            items.append(EnteringItem(item, title, count, count / requests))
    return items


def _lost_a_day(ages: list[AgeCoverage]) -> float | None:
    """The negative slope of coverage over age, weighted by requests; None unless it is clearly a decline."""
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
    return -slope if slope < -_MIN_STANDARD_ERRORS * error and slope < 0 else None


def _advice(ages: list[AgeCoverage], lost: float | None, days: float | None) -> str:
    if not ages:
        return "No requests have been counted since the rebuild: drift can be measured once there is traffic."
    if lost is None or days is None:
        return (
            f"No significant decay in the {len(ages)} hours counted since the rebuild: there is no need to "
            "rebuild sooner than new items require."
        )
    interval = f"{days:.1f} days" if days >= 2 else f"{days * 24:.0f} hours"
    return (
        f"The hot set loses {lost * 100:.2f} points of coverage a day: rebuild every {interval} to lose no "
        f"more than {MAX_LOST * 100:.0f} points."
    )
