"""Queries of several items against a plain reference, on numbers that floating point holds exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_recs.generation.scoring import MAX_HISTORY, Scorer, WeightedItems, history_query
from hybrid_recs.generation.trend import Trend
from hybrid_recs.types import HistoryWeights, Neighbours
from tests.builders import random_covisits, random_unit_vectors

Pairs = list[tuple[int, float]]


def _exact_scorer(seed: int) -> Scorer:
    """Few distinct values, each a sum of a few powers of two: ties are common and nothing is rounded."""
    rng = np.random.default_rng(seed)
    n, dimensions = int(rng.integers(1, 40)), int(rng.integers(1, 7))
    return Scorer(
        (rng.integers(-4, 5, (n, dimensions)) / 4).astype(np.float32),
        rng.choice([1.0, 1.25, 1.5], n).astype(np.float32),
        random_covisits(rng, np.arange(1, 17) / 16, n, 12),
        float(rng.choice([0.0, 0.5, 1.0, 3.0])),
        _trend(rng, n),
    )


def _trend(rng: np.random.Generator, n: int) -> Trend:
    rows = rng.permutation(n)[: rng.integers(0, 6)]
    return Trend(rows, (np.sort(rng.integers(1, 17, len(rows)))[::-1] / 16).astype(np.float32))


def _items(seed: int, n: int, repeat: float | None) -> WeightedItems:
    rng = np.random.default_rng(seed + 1)
    rows = rng.permutation(n)[: rng.integers(1, 8)]
    weights = rng.choice([0.125, 0.25, 0.5, 1.0], len(rows)).astype(np.float32)
    return WeightedItems(
        rows, weights, float(rng.choice([0.0, 0.5, 2.0])), repeat, float(rng.choice([0.0, 0.5, 4.0]))
    )


def _reference(
    scorer: Scorer, items: WeightedItems, candidates: list[int], k: int, excluded: frozenset[int]
) -> Pairs:
    weights = dict(zip(items.rows.tolist(), items.weights.tolist(), strict=True))
    linked: dict[int, float] = {}
    for row, weight in weights.items():
        for other, strength in zip(
            *(part.tolist() for part in scorer.covisits.neighbours_of(row)), strict=True
        ):
            linked[other] = linked.get(other, 0.0) + weight * strength
    trend = dict(zip(scorer.trend.rows.tolist(), scorer.trend.weights.tolist(), strict=True))
    if not items.trend:
        trend = {}
    eligible = {*candidates, *linked, *weights, *trend} - excluded
    if items.repeat is None:
        eligible -= set(weights)
    scored = []
    for other in eligible:
        cosine = sum(
            weight * float(np.dot(scorer.vectors[row].astype(float), scorer.vectors[other].astype(float)))
            for row, weight in weights.items()
        )
        score = cosine * float(scorer.boosts[other]) + items.covisit_weight * linked.get(other, 0.0)
        score += items.trend * trend.get(other, 0.0)
        scored.append((other, score + (items.repeat or 0.0) * weights.get(other, 0.0)))
    best = sorted(scored, key=lambda entry: (-entry[1], entry[0]))[:k]
    return [(other, float(np.float16(score))) for other, score in best]


def _pairs(found: Neighbours) -> Pairs:
    return list(zip(found.rows.tolist(), found.scores.tolist(), strict=True))


_REPEATS = st.sampled_from([None, 0.0, 0.5, 4.0])


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 50), _REPEATS, st.data())
def test_a_set_is_ranked_as_scoring_one_by_one_gives(
    seed: int, k: int, repeat: float | None, data: st.DataObject
) -> None:
    scorer = _exact_scorer(seed)
    n = len(scorer.vectors)
    items = _items(seed, n, repeat)
    candidates = data.draw(st.lists(st.integers(0, n - 1), unique=True, max_size=n))
    excluded = data.draw(st.frozensets(st.integers(0, n + 5), max_size=8))
    found = scorer.score_query(items, np.array(candidates, np.int64), k, excluded)
    assert _pairs(found) == _reference(scorer, items, candidates, k, excluded)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20), _REPEATS, st.integers(0, 6))
def test_the_nearest_to_the_query_are_candidates_enough(
    seed: int, k: int, repeat: float | None, n_excluded: int
) -> None:
    """With k + items + excluded of the nearest, the result is that of scoring every item."""
    scorer = _exact_scorer(seed)
    n = len(scorer.vectors)
    items = _items(seed, n, repeat)
    excluded = frozenset(np.random.default_rng(seed).integers(0, n, n_excluded).tolist())
    near = scorer.vectors @ scorer.query_vector(items) * scorer.boosts
    nearest = np.argsort(-near, kind="stable")[: k + len(items.rows) + len(excluded)]
    found = scorer.score_query(items, nearest, k, excluded)
    everything = scorer.score_query(items, np.arange(n), k, excluded)
    assert _pairs(found) == _pairs(everything)


@pytest.mark.parametrize("seed", range(20))
def test_one_item_is_a_set_of_one(seed: int) -> None:
    scorer = _exact_scorer(seed)
    n = len(scorer.vectors)
    for row in range(n):
        one = scorer.item_query(row)
        assert (one.rows.tolist(), one.weights.tolist()) == ([row], [1.0])
        assert (one.covisit_weight, one.repeat) == (scorer.covisit_weight, None)
        np.testing.assert_array_equal(scorer.query_vector(one), scorer.vectors[row])
        as_set = scorer.score_query(one, np.arange(n), n, frozenset((3,)))
        assert _pairs(as_set) == _pairs(scorer.score_item(row, np.arange(n), n, frozenset((3,))))
        from_history = history_query(np.array([row]), HistoryWeights(1.0, scorer.covisit_weight))
        assert _pairs(scorer.score_query(from_history, np.arange(n), n)) == _pairs(
            scorer.score_item(row, np.arange(n), n)
        )


def test_a_history_is_its_distinct_items_latest_first() -> None:
    items = history_query(np.array([7, 3, 7, 9, 3, 5]), HistoryWeights(1.0, 2.0, 3.0, 0.5))
    assert items.rows.tolist() == [5, 3, 9, 7]
    np.testing.assert_allclose(items.weights, [1, 1 / 2, 1 / 3, 1 / 4], rtol=1e-7)
    assert items.weights.dtype == np.float32
    assert (items.covisit_weight, items.trend, items.repeat) == (2.0, 3.0, 0.5)


@pytest.mark.parametrize(
    ("decay", "weights"),
    [(0.0, [1, 1, 1, 1]), (0.5, [1, 2**-0.5, 3**-0.5, 0.5]), (2.0, [1, 1 / 4, 1 / 9, 1 / 16])],
)
def test_older_items_weigh_less_by_the_decay(decay: float, weights: list[float]) -> None:
    np.testing.assert_allclose(
        history_query(np.arange(4), HistoryWeights(decay, 1.0)).weights, weights, rtol=1e-6
    )


def test_of_a_long_history_the_latest_distinct_items_count() -> None:
    assert MAX_HISTORY == 50
    once = history_query(np.arange(1_000), HistoryWeights(1.0, 1.0))
    assert once.rows.tolist() == list(range(999, 949, -1))
    assert once.weights[-1] == np.float32(1 / 50)
    twice = history_query(np.repeat(np.arange(60), 40), HistoryWeights(1.0, 1.0))
    assert twice.rows.tolist() == list(range(59, 9, -1))


def test_items_come_again_only_if_they_may() -> None:
    scorer = _exact_scorer(3)
    n = len(scorer.vectors)
    rows = np.array([0, 2])
    weights = np.array([1.0, 0.5], np.float32)
    without = _pairs(scorer.score_query(WeightedItems(rows, weights, 1.0), np.arange(n), n))
    nothing_added = dict(_pairs(scorer.score_query(WeightedItems(rows, weights, 1.0, 0.0), np.arange(n), n)))
    added = dict(_pairs(scorer.score_query(WeightedItems(rows, weights, 1.0, 4.0), np.arange(n), n)))
    assert {row for row, _ in without} == set(range(n)) - {0, 2}
    assert set(added) == set(range(n))
    assert [pair for pair in added.items() if pair[0] not in (0, 2)] == without
    assert (added[0] - nothing_added[0], added[2] - nothing_added[2]) == (4.0, 2.0)
    left_out = scorer.score_query(WeightedItems(rows, weights, 1.0, 4.0), np.arange(n), n, frozenset((0,)))
    assert set(left_out.rows.tolist()) == set(range(n)) - {0}


def test_the_trend_counts_for_visitors_and_never_for_what_is_like_an_item() -> None:
    scorer = _exact_scorer(3)
    n = len(scorer.vectors)
    assert len(scorer.trend.rows)
    rows, weights = np.array([0, 2]), np.array([1.0, 0.5], np.float32)
    plain = dict(_pairs(scorer.score_query(WeightedItems(rows, weights, 1.0, 0.0), np.arange(n), n)))
    moved = dict(_pairs(scorer.score_query(WeightedItems(rows, weights, 1.0, 0.0, 4.0), np.arange(n), n)))
    added = {row: moved[row] - plain[row] for row in moved if moved[row] != plain[row]}
    expected = zip(scorer.trend.rows.tolist(), scorer.trend.weights.tolist(), strict=True)
    assert added == {row: 4 * weight for row, weight in expected}
    assert scorer.item_query(0).trend == 0


@pytest.mark.parametrize("seed", range(30))
def test_many_queries_at_once_give_each_what_it_gets_alone(seed: int) -> None:
    """To the last bit, whatever else is asked: on numbers that floating point does round."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 300))
    scorer = Scorer(
        random_unit_vectors(rng, n, int(rng.integers(1, 200))),
        rng.uniform(1, 1.5, n).astype(np.float32),
        random_covisits(rng, rng.uniform(0.01, 1, 40), n, 30),
        float(rng.choice([0.0, 0.7, 3.1])),
        _trend(rng, n),
    )
    sets = [_items(seed * 100 + at, n, [None, 0.7][at % 2]) for at in range(int(rng.integers(1, 20)))]
    sets += [scorer.item_query(int(row)) for row in rng.integers(0, n, 5)]
    candidates = [rng.permutation(n)[: rng.integers(0, n + 1)] for _ in sets]
    # Rows without a vector may be excluded like any other.
    excluded = [frozenset(rng.integers(0, n + 50, rng.integers(0, 9)).tolist()) for _ in sets]
    k = int(rng.integers(1, 40))
    together = scorer.score_queries(sets, candidates, k, excluded)
    for found, items, some, out in zip(together, sets, candidates, excluded, strict=True):
        assert _pairs(found) == _pairs(scorer.score_query(items, some, k, out))
