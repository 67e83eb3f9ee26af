"""Hit rate against the number of items that have a list, for each way of choosing them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.reports.planner.stack_distances import Ints, lru_hits
from hybrid_recs.reports.planner.tiny_lfu import tiny_lfu_hits
from hybrid_recs.reports.planner.traffic import Traffic

Shares = NDArray[np.float64]

# The simulation takes about a microsecond a request and size.
MAX_SIMULATED = 100_000
_GRID = 48
_SIMULATED_SIZES = 16


class Policy(StrEnum):
    """How the items that have a list are chosen.

    STATIC: the most popular before the window, as a rebuild does. RISING: those, and every other item once it
    was asked for RISING_AFTER_REQUESTS times, as the service does. HINDSIGHT: the most asked for in the
    window itself; no static set does better. LRU, TINY_LFU: caches that start empty and fill with what is
    asked for.
    """

    STATIC = "static"
    RISING = "static + rising"
    HINDSIGHT = "hindsight"
    LRU = "lru"
    TINY_LFU = "lfu with admission"


@dataclass(frozen=True, slots=True)
class Curve:
    """sizes, ascending, and the hit rate (a share of all requests) at each."""

    policy: Policy
    sizes: list[int]
    hit_rates: list[float]

    def at(self, size: float) -> float:
        """The hit rate at any size, between the computed ones by straight lines."""
        return float(np.interp(size, self.sizes, self.hit_rates))


def grid(listed: int, *wanted: int) -> list[int]:
    """Sizes from 1 to `listed`, evenly spaced in their logarithm, with 0 and the `wanted` among them."""
    if not listed:
        return [0]
    spaced = np.unique(np.rint(np.geomspace(1, listed, _GRID)).astype(int)).tolist()
    return sorted({0, *spaced, *(size for size in wanted if 0 <= size <= listed)})


def curves(traffic: Traffic, sizes: Sequence[int], admitted_after: int) -> list[Curve]:
    """One curve a policy; exact but for LRU above two million requests, and for TinyLFU, which is simulated
    on at most MAX_SIMULATED requests and some of the sizes.

    admitted_after: requests after which an item that is not hot is given a list; 0: never.
    """
    at = np.asarray(sizes, np.int64)
    total = max(traffic.requests, 1.0)
    found = [
        (Policy.STATIC, at, static_hits(traffic, at)),
        (Policy.RISING, at, rising_hits(traffic, at, admitted_after)),
        (Policy.HINDSIGHT, at, _sums(np.sort(traffic.counts)[::-1], at)),
        (Policy.LRU, at, _scaled(traffic, lru_hits(traffic.trace, at))),
        (Policy.TINY_LFU, *_tiny_lfu(traffic, at)),
    ]
    return [
        Curve(policy, places.tolist(), (hits / total).round(6).tolist())
        for policy, places, hits in found
        if policy is not Policy.RISING or admitted_after
    ]


def static_hits(traffic: Traffic, sizes: Ints) -> Shares:
    """Requests for the items that were most popular before the window."""
    return _sums(traffic.counts, sizes)


def rising_hits(traffic: Traffic, sizes: Ints, admitted_after: int) -> Shares:
    """`static_hits`, and of every other item the requests after its first `admitted_after`.

    An upper bound: it has one worker, lists that never expire, and admission at once.
    """
    later = np.maximum(traffic.counts - admitted_after, 0)
    return np.asarray(_sums(traffic.counts, sizes) + later.sum() - _sums(later, sizes))


def _sums(counts: Ints, sizes: Ints) -> Shares:
    return np.asarray(np.concatenate(([0.0], np.cumsum(counts)))[np.minimum(sizes, len(counts))])


def _tiny_lfu(traffic: Traffic, sizes: Ints) -> tuple[Ints, Shares]:
    trace = traffic.trace[-MAX_SIMULATED:]
    spread = np.unique(np.rint(np.linspace(0, len(sizes) - 1, _SIMULATED_SIZES)).astype(int))
    some = sizes[spread]
    numbers = trace.tolist()
    hits = np.array([tiny_lfu_hits(numbers, int(size)) for size in some], np.float64)
    return some, _scaled(traffic, hits * (len(traffic.trace) / max(len(trace), 1)))


def _scaled(traffic: Traffic, hits: Shares) -> Shares:
    """From the requests of the trace to those that were counted."""
    return np.asarray(hits * (float(traffic.counts.sum()) / max(len(traffic.trace), 1)))


def knee(traffic: Traffic) -> int:
    """The size of a static hot set after which more items buy less than items do on average: with sizes and
    hit rates scaled to [0, 1], where the curve is farthest above the diagonal (Satopää, Albrecht, Irwin,
    Raghavan, "Finding a 'Kneedle' in a Haystack", ICDCS Workshops 2011).
    """
    asked = np.flatnonzero(traffic.counts)
    if not len(asked):
        return 0
    last = int(asked[-1]) + 1
    rates = np.concatenate(([0.0], np.cumsum(traffic.counts[:last]))) / traffic.counts.sum()
    return int(np.argmax(rates - np.arange(last + 1) / last))


def cheapest(traffic: Traffic, target: float) -> int | None:
    """The fewest items of a static hot set with hit rate `target`; None where all items do not reach it."""
    reached = np.concatenate(([0.0], np.cumsum(traffic.counts))) / max(traffic.requests, 1.0)
    size = int(np.searchsorted(reached, target - 1e-12))
    return size if size < len(reached) else None
