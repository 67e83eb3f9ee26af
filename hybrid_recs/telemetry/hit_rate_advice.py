"""One sentence of advice from the figures of a hit-rate report: the most urgent problem comes first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto

from hybrid_recs.types import Outcome

_MAX_LOST_SHARE, _MAX_OLDER_SHARE, _MAX_UNKNOWN_SHARE = 0.01, 0.01, 0.1
_MIN_GAIN = 0.005


class Finding(StrEnum):
    """What a report advises on."""

    NO_REQUESTS = auto()
    REDIS_UNREACHABLE = auto()
    LISTS_MISSING = auto()
    LISTS_NOT_LOADED = auto()
    OLDER_GENERATION = auto()
    UNKNOWN_ITEMS = auto()
    CACHE_NOT_FASTER = auto()
    HOT_SET_TOO_SMALL = auto()
    HOT_SET_SUFFICIENT = auto()


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a window; all shares are of its `requests`.

    live: share answered live, by outcome. older: share answered while another generation was published.
    unknown: share of popular answers to unknown items. cached_ms, live_ms: medians, None if nothing was
    timed. missed: requests of every item that was answered live because it is not hot, most first. They are
    counted by whole hours and within a bound, so they tell how misses are distributed, not how many there
    were.
    """

    requests: int
    live: Mapping[Outcome | None, float]
    older: float
    unknown: float
    cached_ms: float | None
    live_ms: float | None
    missed: Sequence[int]

    def lost(self, *outcomes: Outcome | None) -> float:
        """Share answered live with any of these outcomes."""
        return sum(self.live.get(outcome, 0.0) for outcome in outcomes)


@dataclass(frozen=True, slots=True)
class Advice:
    """A finding and its sentence."""

    finding: Finding
    text: str


@dataclass(frozen=True, slots=True)
class LargerHotSet:
    """How many more hot items would have saved half of the ordinary misses, and the hit rate they would
    add."""

    items: int
    gain: float


def hit_rate_advice(figures: Figures) -> Advice:
    """The advice that the figures call for."""
    if not figures.requests:
        text = "No item requests were counted in this window: send some to /recommendations?item_id=…"
        return Advice(Finding.NO_REQUESTS, text)
    return _on_lists(figures) or _on_the_generation(figures) or _on_size(figures)


def larger_hot_set(figures: Figures) -> LargerHotSet:
    """The smallest number of items with half of the requests in `missed`, and their share of ordinary
    misses."""
    total, saved, items = sum(figures.missed), 0, 0
    for requests in figures.missed:
        if saved >= total / 2:
            break
        saved, items = saved + requests, items + 1
    return LargerHotSet(items, figures.lost(None, Outcome.TAIL) * saved / max(total, 1))


def _on_lists(figures: Figures) -> Advice | None:
    if (share := figures.lost(Outcome.CACHE_UNAVAILABLE)) > _MAX_LOST_SHARE:
        text = f"Redis was unreachable for {share:.1%} of the requests: fix this first."
        return Advice(Finding.REDIS_UNREACHABLE, text)
    if (share := figures.lost(Outcome.LIST_MISSING, Outcome.RISING_LIST_MISSING)) > _MAX_LOST_SHARE:
        text = (
            f"Lists of hot items were missing for {share:.1%} of the requests: Redis evicted or lost them; "
            "give it more memory or make the hot set smaller."
        )
        return Advice(Finding.LISTS_MISSING, text)
    if (share := figures.lost(Outcome.LIST_NOT_LOADED)) > _MAX_LOST_SHARE:
        text = (
            f"{share:.1%} of the requests were for hot items whose lists were not in Redis yet: check the "
            "service's log, unless it has only just started or Redis was emptied."
        )
        return Advice(Finding.LISTS_NOT_LOADED, text)
    return None


def _on_the_generation(figures: Figures) -> Advice | None:
    if figures.older > _MAX_OLDER_SHARE:
        text = (
            f"{figures.older:.1%} of the requests were answered by a generation that is not the published "
            "one: check the service's log for why the published one cannot be loaded."
        )
        return Advice(Finding.OLDER_GENERATION, text)
    if figures.unknown > _MAX_UNKNOWN_SHARE:
        share = figures.unknown
        text = f"{share:.1%} of the requests were for unknown items: rebuild the index with newer data."
        return Advice(Finding.UNKNOWN_ITEMS, text)
    return None


def _on_size(figures: Figures) -> Advice:
    cached_ms, live_ms = figures.cached_ms, figures.live_ms
    if cached_ms is not None and live_ms is not None and live_ms <= cached_ms:
        text = (
            f"The median live answer took {live_ms:.2f} ms and the median cached answer {cached_ms:.2f} ms: "
            "at this size and load the cache saves no time, and a larger hot set would save none either."
        )
        return Advice(Finding.CACHE_NOT_FASTER, text)
    larger = larger_hot_set(figures)
    if larger.gain < _MIN_GAIN:
        text = "The hot set covers nearly all requests: nothing to do."
        return Advice(Finding.HOT_SET_SUFFICIENT, text)
    text = (
        f"{larger.items:,} more hot item{'s' if larger.items > 1 else ''} would have raised the hit rate by "
        f"{larger.gain * 100:.1f} points (half of the ordinary misses): raise HYBRID_RECS_HOT_SHARE and "
        "rebuild, or leave it if live answers are fast enough."
    )
    return Advice(Finding.HOT_SET_TOO_SMALL, text)
