"""Hit rate against the number of items with a list, for each way of choosing them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.reports.planner.stack_distances import Ints, lru_hits
from hybrid_recs.reports.planner.tiny_lfu import tiny_lfu_hits
from hybrid_recs.reports.planner.traffic import Traffic

Shares = NDArray[np.float64]

# The simulation takes about a microsecond per request and size.
MAX_SIMULATED = 100_000
_GRID_SIZES = 48
_SIMULATED_SIZES = 16


class Policy(StrEnum):
    """How the items with a list are chosen.

    STATIC: the most popular before the window, as in a rebuild. RISING: those, and every other item once it
    has been requested often enough, as in the service. HINDSIGHT: the most requested in the window itself; no
    static set is better. LRU, TINY_LFU: caches that start empty and are filled by the requests.
    """

    STATIC = "static"
    RISING = "static + rising"
    HINDSIGHT = "hindsight"
    LRU = "lru"
    TINY_LFU = "lfu with admission"


@dataclass(frozen=True, slots=True)
class Curve:
    """Ascending sizes, and the hit rate at each as a share of all requests."""

    policy: Policy
    sizes: list[int]
    hit_rates: list[float]

    def hit_rate_at(self, size: float) -> float:
        """The hit rate at any size, interpolated linearly."""
        return float(np.interp(size, self.sizes, self.hit_rates))


def size_grid(listable: int, *required: int) -> list[int]:
    """Sizes from 1 to `listable`, evenly spaced by their logarithm, with 0 and the `required` sizes
    included."""
    if not listable:
        return [0]
    spaced = np.unique(np.rint(np.geomspace(1, listable, _GRID_SIZES)).astype(int)).tolist()
    return sorted({0, *spaced, *(size for size in required if 0 <= size <= listable)})


def curves(traffic: Traffic, sizes: Sequence[int], admitted_after: int) -> list[Curve]:
    """One curve per policy. All are exact, except LRU above two million requests, and TinyLFU, which is
    simulated on at most MAX_SIMULATED requests and for some of the sizes.

    admitted_after: requests after which an item that is not hot gets a list; 0: never.
    """
    items = np.asarray(sizes, np.int64)
    total = max(traffic.requests, 1.0)
    hits_by_policy = [
        (Policy.STATIC, items, static_hits(traffic, items)),
        (Policy.RISING, items, rising_hits(traffic, items, admitted_after)),
        (Policy.HINDSIGHT, items, _prefix_sums(np.sort(traffic.counts)[::-1], items)),
        (Policy.LRU, items, _scaled(traffic, lru_hits(traffic.trace, items))),
        (Policy.TINY_LFU, *_simulated_hits(traffic, items)),
    ]
    return [
        Curve(policy, items.tolist(), (hits / total).round(6).tolist())
        for policy, items, hits in hits_by_policy
        if policy is not Policy.RISING or admitted_after
    ]


def static_hits(traffic: Traffic, sizes: Ints) -> Shares:
    """Requests for the items that were most popular before the window, for each size."""
    return _prefix_sums(traffic.counts, sizes)


def rising_hits(traffic: Traffic, sizes: Ints, admitted_after: int) -> Shares:
    """`static_hits`, plus the requests for every other item after its first `admitted_after`.

    An upper bound: it assumes one worker, lists that never expire, and immediate admission.
    """
    later = np.maximum(traffic.counts - admitted_after, 0)
    return np.asarray(_prefix_sums(traffic.counts, sizes) + later.sum() - _prefix_sums(later, sizes))


def _prefix_sums(counts: Ints, sizes: Ints) -> Shares:
    return np.asarray(np.concatenate(([0.0], np.cumsum(counts)))[np.minimum(sizes, len(counts))])


def _simulated_hits(traffic: Traffic, sizes: Ints) -> tuple[Ints, Shares]:
    trace = traffic.trace[-MAX_SIMULATED:]
    places = np.unique(np.rint(np.linspace(0, len(sizes) - 1, _SIMULATED_SIZES)).astype(int))
    simulated = sizes[places]
    numbers = trace.tolist()
    hits = np.array([tiny_lfu_hits(numbers, int(size)) for size in simulated], np.float64)
    return simulated, _scaled(traffic, hits * (len(traffic.trace) / max(len(trace), 1)))


def _scaled(traffic: Traffic, hits: Shares) -> Shares:
    """Hits in the trace, scaled to all counted requests."""
    return np.asarray(hits * (float(traffic.counts.sum()) / max(len(traffic.trace), 1)))


def knee(traffic: Traffic) -> int:
    """The size of a static hot set beyond which an item adds less than items do on average: where the curve,
    with sizes and hit rates scaled to [0, 1], is farthest above the diagonal (Satopää, Albrecht, Irwin,
    Raghavan, "Finding a 'Kneedle' in a Haystack", ICDCS Workshops 2011).
    """
    requested = np.flatnonzero(traffic.counts)
    if not len(requested):
        return 0
    last = int(requested[-1]) + 1
    rates = np.concatenate(([0.0], np.cumsum(traffic.counts[:last]))) / traffic.counts.sum()
    return int(np.argmax(rates - np.arange(last + 1) / last))


def fewest_items(traffic: Traffic, target: float) -> int | None:
    """The smallest static hot set with hit rate `target`; None if all items together do not reach it."""
    hit_rates = np.concatenate(([0.0], np.cumsum(traffic.counts))) / max(traffic.requests, 1.0)
    size = int(np.searchsorted(hit_rates, target - 1e-12))
    return size if size < len(hit_rates) else None
