"""Hot lists against scoring every item, and against the live answer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hybrid_recs.generation.covisits import CoVisits
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.generation.vector_index import FaissIndex
from hybrid_recs.offline.build.index import build_index
from hybrid_recs.offline.build.precompute import LIST_DEPTH, precompute_lists
from hybrid_recs.types import Neighbours
from tests.offline.builders import all_scores, build_options, random_scorer, unit_vectors

HALF_PRECISION = 2**-10
OPTIONS = build_options(exact_below=400, ann_recall=0.98, seed=1)


def assert_best(actual: Neighbours, scores: NDArray[np.float64], k: int) -> None:
    """`actual` holds the k highest of `scores`, best first; -inf is never among them."""
    possible = int(np.isfinite(scores).sum())
    assert len(actual) == min(k, possible)
    assert len(np.unique(actual.rows)) == len(actual)
    of_found = scores[actual.rows]
    np.testing.assert_allclose(of_found, np.sort(scores)[::-1][: len(actual)], atol=1e-5)
    np.testing.assert_allclose(actual.scores, of_found, rtol=HALF_PRECISION, atol=1e-5)
    assert np.all(np.diff(actual.scores) <= 0)


# A weight of 0.2 lets vectors and co-visits compete; at 3 co-visits come first; at 0 they say nothing.
@pytest.mark.parametrize("weight", [0.0, 0.2, 3.0])
@pytest.mark.parametrize(("n", "k"), [(300, 10), (300, 100), (60, 100), (2, 5)])
def test_lists_are_the_best_of_all_items(n: int, k: int, weight: float) -> None:
    scorer = random_scorer(n, n, 16, weight)
    rows = np.arange(n)
    lists = list(precompute_lists(scorer, rows, k))
    assert len(lists) == n
    for row, actual, scores in zip(rows, lists, all_scores(scorer), strict=True):
        assert row not in actual.rows
        assert_best(actual, scores, k)


def test_covisits_bring_in_what_the_vectors_alone_would_not() -> None:
    plain, blended = (random_scorer(300, 300, 16, weight) for weight in (0.0, 3.0))
    rows = np.arange(300)
    pairs = zip(precompute_lists(plain, rows, 10), precompute_lists(blended, rows, 10), strict=True)
    differ = [not np.array_equal(one.rows, other.rows) for one, other in pairs]
    assert np.mean(differ) > 0.8


def test_some_rows_in_an_order_of_their_own_and_in_batches() -> None:
    scorer = random_scorer(1, 1_200, 8, 0.5)
    rows = np.random.default_rng(0).permutation(1_200)[:1_100]
    done: list[int] = []
    scores = all_scores(scorer)
    for row, actual in zip(rows, precompute_lists(scorer, rows, on_progress=done.append), strict=True):
        assert len(actual) == LIST_DEPTH
        assert_best(actual, scores[row], LIST_DEPTH)
    assert sum(done) == len(rows)
    assert len(done) > 1


@pytest.mark.parametrize("weight", [0.0, 0.2, 3.0])
@pytest.mark.parametrize(("n", "k"), [(400, 10), (400, 100), (50, 100)])
def test_a_live_answer_is_the_precomputed_list(n: int, k: int, weight: float, tmp_path: Path) -> None:
    scorer = random_scorer(7, n, 16, weight)
    info = build_index(tmp_path / "index", scorer.vectors, scorer.boosts, OPTIONS)
    index = FaissIndex(tmp_path / "index", info.search)
    for row, stored in enumerate(precompute_lists(scorer, np.arange(n), LIST_DEPTH)):
        live = scorer.score_item(row, index.search(scorer.query_vector(scorer.item_query(row)), k + 1), k)
        assert live.rows.tolist() == stored.rows[:k].tolist()
        assert live.scores.tolist() == stored.scores[:k].tolist()


@pytest.mark.parametrize("weight", [0.0, 0.2, 3.0])
def test_exclusions_do_not_shorten_a_list(weight: float, tmp_path: Path) -> None:
    n, k = 300, 20
    scorer = random_scorer(9, n, 16, weight)
    info = build_index(tmp_path / "index", scorer.vectors, scorer.boosts, OPTIONS)
    index = FaissIndex(tmp_path / "index", info.search)
    scores = all_scores(scorer)
    for row in range(0, n, 7):
        # The best of the plain answer among them, so that the next ones have to move up.
        excluded = frozenset(np.argsort(-scores[row])[:15:2].tolist())
        candidates = index.search(scorer.query_vector(scorer.item_query(row)), k + 1 + len(excluded))
        left = scores[row].copy()
        left[list(excluded)] = -np.inf
        assert_best(scorer.score_item(row, candidates, k, excluded), left, k)


def test_ties_go_to_the_lower_row() -> None:
    alike = np.tile(np.array([[0.6, 0.8]], np.float32), (6, 1))
    none = CoVisits(np.zeros(7, np.int64), np.empty(0, np.uint32), np.empty(0, np.float32))
    scorer = Scorer(alike, np.ones(6, np.float32), none, 1.0)
    assert scorer.score_item(2, np.array([5, 4, 3, 2, 1, 0]), 4).rows.tolist() == [0, 1, 3, 4]


def grouped_scorer(groups: int, of_each: int, dimensions: int, weight: float) -> Scorer:
    """As `random_scorer`, with vectors in planted groups."""
    random = random_scorer(11, groups * of_each, dimensions, weight)
    noise = np.random.default_rng(12).standard_normal(random.vectors.shape)
    centres = np.tile(unit_vectors(13, groups, dimensions), (of_each, 1))
    vectors = centres + 0.05 * noise / np.sqrt(dimensions)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Scorer(np.ascontiguousarray(vectors, np.float32), random.boosts, random.covisits, weight)


def test_lists_by_the_index_are_the_exact_ones_and_the_live_ones(tmp_path: Path) -> None:
    scorer = grouped_scorer(groups=20, of_each=110, dimensions=64, weight=0.2)
    path, rows = tmp_path / "index", np.arange(0, 2_200, 3)
    info = build_index(path, scorer.vectors, scorer.boosts, replace(OPTIONS, exact_below=100), ivf_above=100)
    assert info.kind == "IVF"
    index = FaissIndex(path, info.search)
    exact = list(precompute_lists(scorer, rows))
    pairs = len(rows) * len(index)
    same = list(precompute_lists(scorer, rows, index=index, exact_up_to=pairs))
    assert all(np.array_equal(one.rows, other.rows) for one, other in zip(exact, same, strict=True))
    by_index = list(precompute_lists(scorer, rows, index=index, exact_up_to=pairs - 1))
    shares: dict[str, list[float]] = {"exact": [], "live": []}
    for row, actual, best in zip(rows.tolist(), by_index, exact, strict=True):
        assert len(actual) == LIST_DEPTH
        assert row not in actual.rows
        live = scorer.score_item(row, index.search(scorer.query_vector(scorer.item_query(row)), 11), 10)
        shares["exact"].append(np.isin(best.rows, actual.rows).mean())
        shares["live"].append(np.isin(live.rows, actual.rows[:10]).mean())
    assert np.mean(shares["exact"]) >= 0.99
    assert np.mean(shares["live"]) >= 0.99
