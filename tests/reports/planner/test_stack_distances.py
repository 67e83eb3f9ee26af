"""Stack distances against a count by hand, and LRU hit rates against a cache that is simulated."""

from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_recs.reports.planner.stack_distances import NEVER, Ints, larger_before, lru_hits, stack_distances

traces = st.lists(st.integers(0, 12), max_size=120).map(lambda items: np.array(items, np.int64))


def zipf(items: int, requests: int, seed: int) -> Ints:
    weights = 1 / np.arange(1, items + 1)
    rng = np.random.default_rng(seed)
    return rng.permutation(items)[rng.choice(items, requests, p=weights / weights.sum())]


def simulated_lru(trace: Ints, size: int) -> int:
    cache: OrderedDict[int, None] = OrderedDict()
    hits = 0
    for item in trace.tolist():
        if item in cache:
            hits += 1
            cache.move_to_end(item)
        elif size:
            cache[item] = None
            if len(cache) > size:
                cache.popitem(last=False)
    return hits


@given(traces)
def test_distances_are_the_distinct_items_since_the_last_request(trace: Ints) -> None:
    items = trace.tolist()
    expected = []
    for at, item in enumerate(items):
        before = [place for place in range(at) if items[place] == item]
        expected.append(len(set(items[before[-1] + 1 : at + 1])) if before else NEVER)
    assert stack_distances(trace).tolist() == expected


@given(st.lists(st.integers(-50, 50), unique=True, max_size=70))
def test_larger_before(values: list[int]) -> None:
    expected = [sum(one > value for one in values[:at]) for at, value in enumerate(values)]
    assert larger_before(np.array(values, np.int64)).tolist() == expected


@given(traces)
def test_lru_hits_equal_those_of_a_simulated_cache(trace: Ints) -> None:
    sizes = np.array([0, 1, 2, 3, 5, 8, 13, 50])
    assert lru_hits(trace, sizes).tolist() == [simulated_lru(trace, int(size)) for size in sizes]


def test_lru_hits_of_a_long_trace_are_exact() -> None:
    trace = zipf(2_000, 20_000, 3)
    sizes = np.array([1, 10, 100, 700, 2_000, 5_000])
    assert lru_hits(trace, sizes).tolist() == [simulated_lru(trace, int(size)) for size in sizes]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_sample_of_the_items_is_within_two_points(seed: int) -> None:
    trace = zipf(20_000, 200_000, seed)
    sizes = np.array([1_000, 5_000, 15_000])
    exact = lru_hits(trace, sizes) / len(trace)
    sampled = lru_hits(trace, sizes, sample_above=40_000) / len(trace)
    assert np.abs(sampled - exact).max() < 0.02
    assert (sampled != exact).any()
