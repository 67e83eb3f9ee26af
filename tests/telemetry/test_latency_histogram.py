"""Durations in buckets, and quantiles read off them."""

import numpy as np
import pytest

from hybrid_recs.telemetry.latency_histogram import (
    BUCKETS,
    PER_DOUBLING,
    bucket_of,
    buckets_of,
    quantile,
    upper_edge,
)


def _counts(seconds: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[int]:
    counts = [0] * BUCKETS
    for duration in seconds.tolist():
        counts[bucket_of(duration)] += 1
    return counts


def test_edges_double_every_four_buckets_from_ten_microseconds() -> None:
    assert upper_edge(0) == pytest.approx(10e-6)
    for bucket in range(BUCKETS):
        assert upper_edge(bucket + PER_DOUBLING) == pytest.approx(2 * upper_edge(bucket))
    assert 8 < upper_edge(BUCKETS - 1) < 11


@pytest.mark.parametrize("bucket", range(BUCKETS))
def test_a_duration_is_in_the_bucket_whose_edges_hold_it(bucket: int) -> None:
    edge = upper_edge(bucket)
    assert bucket_of(edge * (1 - 1e-9)) == bucket
    assert bucket_of(edge * (1 + 1e-9)) == min(bucket + 1, BUCKETS - 1)


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(-1.0, 0), (0.0, 0), (1e-9, 0), (10e-6, 0), (12.0, BUCKETS - 1), (1e9, BUCKETS - 1)],
)
def test_what_lies_beyond_goes_to_the_outermost(seconds: float, bucket: int) -> None:
    assert bucket_of(seconds) == bucket


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.9, 0.99, 1.0])
def test_quantiles_are_within_a_tenth_of_the_true_ones(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    seconds = np.clip(np.exp(rng.normal(-6, 1.2, 20_000)), 11e-6, 8)
    estimate = quantile(_counts(seconds), share)
    assert estimate == pytest.approx(float(np.quantile(seconds, share, method="inverted_cdf")), rel=0.1)


def test_a_quantile_of_nothing_is_none() -> None:
    assert quantile([], 0.5) is None
    assert quantile([0] * BUCKETS, 0.5) is None


def test_one_duration_is_every_quantile() -> None:
    counts = _counts(np.array([0.004]))
    for share in (0.0, 0.5, 1.0):
        assert quantile(counts, share) == pytest.approx(0.004, rel=0.1)


def test_half_of_two_is_the_lower() -> None:
    counts = _counts(np.array([0.001, 0.1]))
    assert quantile(counts, 0.5) == pytest.approx(0.001, rel=0.1)
    assert quantile(counts, 0.51) == pytest.approx(0.1, rel=0.1)


def test_many_durations_lie_where_each_of_them_does() -> None:
    edges = [upper_edge(bucket) for bucket in range(BUCKETS)]
    drawn = np.exp(np.random.default_rng(3).uniform(-14, 4, 5_000)).tolist()
    durations = [0.0, -1.0, 1e9, *edges, *(edge * 1.000001 for edge in edges), *drawn]
    assert buckets_of(durations) == _counts(np.array(durations))
    assert buckets_of([]) == [0] * BUCKETS
