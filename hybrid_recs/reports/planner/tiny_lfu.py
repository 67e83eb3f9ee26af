"""LFU with admission, simulated: an LRU cache that admits a new item only if it was requested more often than
the item that it would evict.

The policy is that of Einziger, Friedman, Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM
Transactions on Storage 13(4), 2017, with exact counters instead of a sketch: they are halved after
SAMPLE_FACTOR requests per item of the cache.
"""

from collections.abc import Iterable

SAMPLE_FACTOR = 10
# A few dozen requests, as for a small cache, would be no sample.
_MIN_SAMPLE = 10_000


def tiny_lfu_hits(trace: Iterable[int], size: int) -> int:
    """How many requests of `trace` a cache of `size` items answers; O(1) per request."""
    if size <= 0:
        return 0
    cache: dict[int, None] = {}  # least recently requested first
    requests: dict[int, int] = {}
    counted, sample, hits = 0, max(_MIN_SAMPLE, SAMPLE_FACTOR * size), 0
    for item in trace:
        requests[item] = requests.get(item, 0) + 1
        counted += 1
        if counted == sample:
            requests = {known: count >> 1 for known, count in requests.items() if count > 1}
            counted //= 2
        if item in cache:
            hits += 1
            del cache[item]
            cache[item] = None
        elif len(cache) < size:
            cache[item] = None
        else:
            victim = next(iter(cache))
            if requests.get(item, 0) > requests.get(victim, 0):
                del cache[victim]
                cache[item] = None
    return hits
