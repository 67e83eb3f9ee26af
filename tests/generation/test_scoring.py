"""The scoring function against a plain reference, on numbers that floating point holds exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.types import Rows
from tests.builders import covisits_of, random_covisits, random_unit_vectors

_SIXTEENTHS = np.arange(1, 17) / 16


def _exact_scorer(seed: int) -> Scorer:
    """Few distinct values, so that ties are common, each a sum of a few powers of two: no rounding."""
    rng = np.random.default_rng(seed)
    n, dimensions = int(rng.integers(1, 40)), int(rng.integers(1, 7))
    return Scorer(
        (rng.integers(-4, 5, (n, dimensions)) / 4).astype(np.float32),
        rng.choice([1.0, 1.25, 1.5], n).astype(np.float32),
        random_covisits(rng, _SIXTEENTHS, n, 12),
        float(rng.choice([0.0, 0.5, 1.0, 3.0])),
    )


def _reference(
    scorer: Scorer, row: int, candidates: list[int], k: int, excluded: frozenset[int]
) -> list[tuple[int, float]]:
    linked, weights = scorer.covisits.neighbours_of(row)
    bonus = dict(zip(linked.tolist(), weights.tolist(), strict=True))
    scored = []
    for other in {*candidates, *bonus} - {row} - excluded:
        pairs = zip(scorer.vectors[row].tolist(), scorer.vectors[other].tolist(), strict=True)
        cosine = sum(a * b for a, b in pairs)
        scored.append(
            (other, cosine * float(scorer.boosts[other]) + scorer.covisit_weight * bonus.get(other, 0.0))
        )
    best = sorted(scored, key=lambda entry: (-entry[1], entry[0]))[:k]
    return [(other, float(np.float16(score))) for other, score in best]


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 50), st.data())
def test_rank_is_what_scoring_one_by_one_gives(seed: int, k: int, data: st.DataObject) -> None:
    scorer = _exact_scorer(seed)
    n = len(scorer.vectors)
    rows = st.integers(0, n - 1)
    row = data.draw(rows)
    candidates = data.draw(st.lists(rows, unique=True, max_size=n))
    excluded = data.draw(st.frozensets(st.integers(0, n + 5), max_size=8))
    found = scorer.score_item(row, np.array(candidates, np.int64), k, excluded)
    pairs = list(zip(found.rows.tolist(), found.scores.tolist(), strict=True))
    assert pairs == _reference(scorer, row, candidates, k, excluded)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(0, 6))
def test_the_nearest_by_vector_are_candidates_enough(seed: int, k: int, n_excluded: int) -> None:
    """With k + 1 + excluded of the nearest, the result is that of scoring every item."""
    scorer = _exact_scorer(seed)
    n = len(scorer.vectors)
    excluded = frozenset(np.random.default_rng(seed).integers(0, n, n_excluded).tolist())
    for row in range(min(n, 5)):
        near = scorer.vectors @ scorer.vectors[row] * scorer.boosts
        nearest = np.argsort(-near, kind="stable")[: k + 1 + len(excluded)]
        found = scorer.score_item(row, nearest, k, excluded)
        everything = scorer.score_item(row, np.arange(n), k, excluded)
        assert found.rows.tolist() == everything.rows.tolist()
        assert found.scores.tolist() == everything.scores.tolist()


def _plain(weights: list[tuple[list[int], list[float]]]) -> Scorer:
    ones = np.ones(len(weights), np.float32)
    return Scorer(np.full((len(weights), 2), 0.5, np.float32), ones, covisits_of(weights), 1.0)


def test_ties_go_to_the_lower_row() -> None:
    scorer = _plain([([], [])] * 6)
    assert scorer.score_item(2, np.array([5, 4, 3, 1, 0, 2]), 4).rows.tolist() == [0, 1, 3, 4]


def test_no_candidates_leave_the_co_visits() -> None:
    scorer = _plain([([3, 1], [1.0, 0.25]), ([], []), ([], []), ([], [])])
    none: Rows = np.empty(0, np.int64)
    found = scorer.score_item(0, none, 10)
    assert found.rows.tolist() == [3, 1]
    assert found.scores.tolist() == [1.5, 0.75]
    assert len(scorer.score_item(1, none, 10)) == 0
    assert scorer.score_item(0, none, 10, frozenset((3,))).rows.tolist() == [1]


def test_a_candidate_that_is_also_co_visited_counts_once() -> None:
    scorer = _plain([([2], [0.5]), ([], []), ([], [])])
    found = scorer.score_item(0, np.array([1, 2]), 10)
    assert found.rows.tolist() == [2, 1]
    assert found.scores.tolist() == [1.0, 0.5]


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([2, 3, 8, 31, 64, 128]))
def test_a_score_is_the_same_to_the_bit_whatever_else_is_scored(seed: int, dimensions: int) -> None:
    rng = np.random.default_rng(seed)
    n = 200
    scorer = Scorer(
        random_unit_vectors(rng, n, dimensions),
        (1 + rng.random(n)).astype(np.float32),
        random_covisits(rng, rng.random(50), n, 10),
        0.7,
    )
    row = int(rng.integers(n))
    everything = scorer.score_item(row, np.arange(n), n)
    scores = dict(zip(everything.rows.tolist(), everything.scores, strict=True))
    assert len(scores) == n - 1
    for size in (1, 2, 3, 5, 17, 100):
        some = scorer.score_item(row, rng.choice(n, size, replace=False), n)
        for other, score in zip(some.rows.tolist(), some.scores, strict=True):
            assert score.tobytes() == scores[other].tobytes()
        # The order within a part is the order within the whole.
        places = [everything.rows.tolist().index(other) for other in some.rows.tolist()]
        assert places == sorted(places)


@pytest.mark.parametrize("dimensions", [7, 31, 64, 100, 128])
def test_items_that_are_alike_tie_to_the_bit_wherever_they_stand(dimensions: int) -> None:
    """The order of alike items is by row only if no bit depends on a place in the computation."""
    rng = np.random.default_rng(dimensions)
    n = 150
    for _ in range(20):
        vectors = np.repeat(random_unit_vectors(rng, 3, dimensions), n // 3, axis=0)
        scorer = Scorer(vectors, np.ones(n, np.float32), covisits_of([([], [])] * n), 1.0)
        for size in (2, 5, 33, 127, n):
            candidates = rng.choice(n, size, replace=False)
            kinds = [row // (n // 3) for row in scorer.score_item(0, candidates, n).rows.tolist()]
            rows = scorer.score_item(0, candidates, n).rows
            assert kinds == sorted(kinds, key=kinds.index)
            for kind in set(kinds):
                assert (np.diff(rows[np.array(kinds) == kind]) > 0).all()


def test_scores_are_rounded_to_half_precision() -> None:
    rng = np.random.default_rng(5)
    scorer = Scorer(
        random_unit_vectors(rng, 50, 16), np.ones(50, np.float32), covisits_of([([], [])] * 50), 1.0
    )
    scores = scorer.score_item(0, np.arange(50), 49).scores
    assert scores.dtype == np.float32
    assert scores.tobytes() == scores.astype(np.float16).astype(np.float32).tobytes()
    exact = np.sort((scorer.vectors @ scorer.vectors[0])[1:])[::-1]
    np.testing.assert_allclose(scores, exact, rtol=2**-11, atol=2**-24)
