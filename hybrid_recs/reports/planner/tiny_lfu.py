"""LFU with admission, simulated: an LRU cache that a new item enters only if asked for more often than the
one that would leave.

The policy is that of Einziger, Friedman, Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM
Transactions on Storage 13(4), 2017, with exact counters in place of the sketch: they are halved once
SAMPLE_FACTOR requests a place have been counted.
"""

from collections.abc import Iterable

SAMPLE_FACTOR = 10
# Of a small cache a few dozen requests would say nothing.
_MIN_SAMPLE = 10_000


def tiny_lfu_hits(trace: Iterable[int], size: int) -> int:
    """How many requests of `trace` a cache of `size` items answers; O(1) a request."""
    if size <= 0:
        return 0
    cache: dict[int, None] = {}  # least recently asked for first
    asked: dict[int, int] = {}
    counted, sample, hits = 0, max(_MIN_SAMPLE, SAMPLE_FACTOR * size), 0
    for item in trace:
        asked[item] = asked.get(item, 0) + 1
        counted += 1
        if counted == sample:
            asked = {one: count >> 1 for one, count in asked.items() if count > 1}
            counted //= 2
        if item in cache:
            hits += 1
            del cache[item]
            cache[item] = None
        elif len(cache) < size:
            cache[item] = None
        else:
            victim = next(iter(cache))
            if asked.get(item, 0) > asked.get(victim, 0):
                del cache[victim]
                cache[item] = None
    return hits
