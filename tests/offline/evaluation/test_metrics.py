"""Every figure against a short reference of its own, and cases whose answer is known by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_recs.offline.evaluation import metrics
from hybrid_recs.types import Rows


def rows(*values: int) -> Rows:
    return np.array(values, np.int64)


def reference(recommended: list[int], targets: set[int], k: int) -> tuple[float, float, float, float]:
    """Hit rate, reciprocal rank, recall, nDCG by the book."""
    places = [place for place, row in enumerate(recommended[:k], 1) if row in targets]
    ideal = sum(1 / math.log2(1 + place) for place in range(1, min(k, len(targets)) + 1))
    gained = sum(1 / math.log2(1 + place) for place in places)
    return (
        1.0 if places else 0.0,
        1 / places[0] if places else 0.0,
        len(places) / len(targets),
        gained / ideal,
    )


def reference_gini(counts: list[int]) -> float:
    """Mean absolute difference of all ordered pairs over twice the mean, scaled to reach 1."""
    n, mean = len(counts), sum(counts) / len(counts)
    differences = sum(abs(a - b) for a in counts for b in counts)
    return differences / (2 * n * n * mean) * n / (n - 1)


def measured(recommended: Rows, targets: set[int], k: int) -> tuple[float, float, float, float]:
    return metrics.case_figures(recommended, targets, k)


@given(
    st.lists(st.integers(0, 30), unique=True, max_size=25),
    st.sets(st.integers(0, 30), min_size=1, max_size=12),
    st.integers(1, 30),
)
def test_one_case_against_the_reference(recommended: list[int], targets: set[int], k: int) -> None:
    assert measured(rows(*recommended), targets, k) == pytest.approx(reference(recommended, targets, k))


def test_a_case_by_hand() -> None:
    actual = measured(rows(4, 7, 1, 9), {7, 9, 2}, 3)
    ideal = 1 + 1 / math.log2(3) + 0.5
    assert actual == pytest.approx((1, 0.5, 1 / 3, 1 / math.log2(3) / ideal))


def test_no_hit_and_a_hit_beyond_the_cutoff() -> None:
    assert measured(rows(1, 2, 3), {9}, 3) == (0, 0, 0, 0)
    assert measured(rows(1, 2, 3), {3}, 2) == (0, 0, 0, 0)


def test_an_ideal_list_has_ndcg_1_even_if_it_is_shorter_than_the_targets() -> None:
    figures = metrics.case_figures(rows(3, 1), {1, 2, 3}, 2)
    assert figures.ndcg == pytest.approx(1)
    assert figures.recall == pytest.approx(2 / 3)


def test_empty_lists_and_no_targets_count_nothing() -> None:
    assert measured(rows(), {1}, 20) == (0, 0, 0, 0)
    assert measured(rows(1, 2), set(), 20) == (0, 0, 0, 0)


def test_targets_may_be_an_array() -> None:
    assert metrics.case_figures(rows(5, 6, 7), rows(7, 8), 20).recall == 0.5


@given(st.lists(st.integers(0, 40), min_size=2, max_size=30).filter(any))
def test_gini_against_the_reference(counts: list[int]) -> None:
    assert metrics.gini(rows(*counts)) == pytest.approx(reference_gini(counts))


def test_gini_of_equal_counts_of_one_item_and_of_nothing() -> None:
    assert metrics.gini(rows(7, 7, 7, 7)) == pytest.approx(0)
    assert metrics.gini(rows(0, 0, 12, 0)) == pytest.approx(1)
    assert metrics.gini(rows(0, 0)) == 0
    assert metrics.gini(rows(3)) == 0


def test_coverage() -> None:
    assert metrics.coverage(rows(0, 3, 0, 1)) == 0.5
    assert metrics.coverage(rows()) == 0


def test_head_rows_by_hand() -> None:
    head = metrics.head_rows
    assert head(np.array([2.0, 5.0, 1.0, 2.0])).tolist() == [False, True, False, False]  # 5 of 10
    assert head(np.array([4.0, 2.0, 3.0, 1.0])).tolist() == [True, False, True, False]  # 4, then 7 of 10
    assert head(np.array([1.0, 1.0, 1.0, 1.0])).tolist() == [True, True, False, False]
    assert head(np.array([3.0, 0.0])).tolist() == [True, False]
    assert head(np.zeros(2)).tolist() == [False, False]
    assert head(np.empty(0)).tolist() == []


def test_tally_against_numpy() -> None:
    rng = np.random.default_rng(5)
    n, k = 50, 10
    ranks = rng.permutation(n)
    tally = metrics.Tally(k, ranks)
    cases, heads, seen = [], [], []
    for _ in range(300):
        recommended = rng.permutation(n)[: int(rng.integers(0, 15))]
        targets = set(rng.choice(n, int(rng.integers(1, 8)), replace=False).tolist())
        heads.append(bool(rng.random() < 0.3))
        tally.add(recommended, targets, heads[-1])
        cases.append(reference(recommended.tolist(), targets, k))
        seen += recommended[:k].tolist()
    table, head = np.array(cases), np.array(heads)
    figures = tally.figures()
    for index, mean in enumerate((figures.hr, figures.mrr, figures.recall, figures.ndcg)):
        values = table[:, index]
        assert mean.value == pytest.approx(np.mean(values))
        assert mean.error == pytest.approx(np.std(values, ddof=1) / np.sqrt(300))
        assert mean.cases == 300
    for mean, group in ((figures.hr_head, head), (figures.hr_tail, ~head)):
        values = table[group, 0]
        assert mean.value == pytest.approx(values.mean())
        assert mean.cases == len(values)
        assert mean.error == pytest.approx(np.std(values, ddof=1) / np.sqrt(len(values)))
    counts = [seen.count(row) for row in range(n)]
    assert figures.cases == len(tally) == 300
    assert figures.coverage == len(set(seen)) / n
    assert figures.gini == pytest.approx(reference_gini(counts))
    assert figures.popularity_rank == pytest.approx(np.mean(ranks[seen]))


def test_tally_of_no_case_and_of_one() -> None:
    tally = metrics.Tally(20, np.arange(4))
    empty = tally.figures()
    assert (empty.cases, empty.coverage, empty.gini) == (0, 0, 0)
    assert math.isnan(empty.hr.value)
    assert math.isnan(empty.popularity_rank)
    tally.add(rows(2, 0), rows(0), in_head=True)
    one = tally.figures()
    assert (one.hr.value, one.mrr.value, one.hr_head.cases, one.hr_tail.cases) == (1, 0.5, 1, 0)
    assert math.isnan(one.hr.error)
    assert math.isnan(one.hr_tail.value)
    assert one.popularity_rank == 1
