"""Latency histograms with geometric buckets: a quantile is accurate to about 9 %."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

PER_DOUBLING = 4
_FIRST_SECONDS = 10e-6
BUCKETS = 20 * PER_DOUBLING  # up to 10 µs · 2^20, about 10 s


def upper_edge(bucket: int) -> float:
    """The longest duration of a bucket, in seconds."""
    return float(_FIRST_SECONDS * 2 ** (bucket / PER_DOUBLING))


_EDGES = [upper_edge(bucket) for bucket in range(BUCKETS - 1)]


def bucket_of(seconds: float) -> int:
    """The bucket of a duration; durations beyond the outermost buckets count in those."""
    return bisect_left(_EDGES, seconds)


def buckets_of(seconds: Sequence[float]) -> list[int]:
    """How many durations lie in each bucket: `bucket_of` for many, in a tenth of the time."""
    buckets = np.searchsorted(_EDGES, np.array(seconds, np.float64))
    counts: list[int] = np.bincount(buckets, minlength=BUCKETS).tolist()
    return counts


def quantile(counts: Sequence[int], share: float) -> float | None:
    """Seconds below which `share` of the durations lie, as the geometric middle of a bucket; None for no
    counts."""
    total = sum(counts)
    if total == 0:
        return None
    target, cumulative = share * total, 0
    for bucket, count in enumerate(counts):
        cumulative += count
        if cumulative >= target and count:
            return upper_edge(bucket) * 2 ** (-0.5 / PER_DOUBLING)
    return None
