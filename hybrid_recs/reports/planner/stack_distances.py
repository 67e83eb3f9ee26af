"""LRU hit rates of all cache sizes from one pass over a trace, by stack distances.

The stack distance of a request is the number of distinct items requested since the last request for the same
item, including that item: an LRU cache answers it if and only if it holds at least that many items (Mattson,
Gecsei, Slutz, Traiger, "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2), 1970).
Above SAMPLE_ABOVE requests, only items whose hash falls below a threshold are kept and distances are scaled,
as in Waldspurger, Park, Garthwaite, Ahmad, "Efficient MRC construction with SHARDS", FAST 2015: accurate
within two points for sizes with a few hundred items in the sample, rough for smaller ones.

A library would be libcachesim (LRU and TinyLFU in C++): GPL, a wheel of 10 MB for glibc 2.34, needs boto3.
One pass in NumPy gives LRU at all sizes.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

SAMPLE_ABOVE = 2_000_000
NEVER = 0
"""The distance of an item's first request."""


def stack_distances(trace: Ints) -> Ints:
    """The stack distance of every request (n), at least 1; NEVER for the first request of an item.

    Let p be the last request for the same item before i. Among the i - p requests since then, every item
    counts once; requests that repeat an item requested after p are subtracted. They are the earlier requests
    whose own last request is later than p.
    """
    n = len(trace)
    order = np.argsort(trace, kind="stable")
    repeated = np.flatnonzero(trace[order[1:]] == trace[order[:-1]])
    last = np.full(n, -1, np.int64)
    last[order[repeated + 1]] = order[repeated]
    repeats = np.flatnonzero(last >= 0)
    distances = np.full(n, NEVER, np.int64)
    distances[repeats] = repeats - last[repeats] - larger_before(last[repeats])
    return distances


def larger_before(values: Ints) -> Ints:
    """For each of n distinct values, the number of larger values before it. O(n log n), no Python loop over
    n.

    The positions, sorted by descending value, are split by their bits from the highest to the lowest: at each
    bit, a position in the upper half of its block comes after the whole lower half, so the lower ones that
    precede it in the order of values are counted.
    """
    n = len(values)
    counts = np.zeros(n, np.int64)
    positions = np.argsort(-values, kind="stable")
    places = np.arange(n)
    for bit in reversed(range(max(n - 1, 0).bit_length())):
        upper = (positions >> bit) & 1
        block = positions >> (bit + 1) << (bit + 1)
        lower_so_far = np.concatenate(([0], np.cumsum(1 - upper)))
        lower_before = lower_so_far[:-1] - lower_so_far[block]
        counts[positions] += upper * lower_before
        split = np.empty_like(positions)
        upper_place = (positions >> bit << bit) + places - block - lower_before
        split[np.where(upper == 1, upper_place, block + lower_before)] = positions
        positions = split
    return counts


def lru_hits(trace: Ints, sizes: Ints, sample_above: int = SAMPLE_ABOVE) -> NDArray[np.float64]:
    """Requests of `trace` that an LRU cache of each size answers: exact, or estimated above `sample_above`.

    trace: item numbers (n), oldest first.
    """
    rate = min(1.0, sample_above / max(len(trace), 1))
    kept = trace if rate == 1 else trace[hashed(trace) < rate]
    distances = stack_distances(kept)
    distances = np.sort(distances[distances != NEVER])
    hits = np.searchsorted(distances, np.asarray(sizes) * rate, side="right") / rate
    # SHARDS-adj: the difference between the sample and its expected size is attributed to the shortest
    # distances.
    adjustment = len(trace) - len(kept) / rate
    return np.where(np.asarray(sizes) > 0, np.clip(hits + adjustment, 0, len(trace)), 0.0)


def hashed(items: Ints) -> NDArray[np.float64]:
    """A pseudo-random number in [0, 1) for each item, always the same (SplitMix64)."""
    mixed = items.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    for shift, multiplier in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(multiplier)
    return np.asarray((mixed ^ (mixed >> np.uint64(31))) / 2.0**64)
