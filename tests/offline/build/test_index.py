"""The index: its kind, and figures that anyone can measure again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hybrid_recs.generation.manifest import IndexInfo, SearchFigure
from hybrid_recs.generation.vector_index import FaissIndex
from hybrid_recs.offline.build.index import build_index, exact_neighbours, recall_at, tail_sample
from hybrid_recs.types import Floats, Rows
from tests.offline.builders import build_options, unit_vectors

N, SEED = 3_000, 20
RECALL = 0.98
EXACT = build_options(exact_below=N, ann_recall=RECALL, seed=SEED)


@pytest.fixture(scope="module")
def vectors() -> Floats:
    return unit_vectors(1, N, 32)


@pytest.fixture(scope="module")
def boosts() -> Floats:
    """As popular items first: from 2 down to 1."""
    return np.linspace(2, 1, N, dtype=np.float32)


@pytest.fixture(scope="module")
def hnsw(vectors: Floats, boosts: Floats, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, IndexInfo]:
    path = tmp_path_factory.mktemp("hnsw") / "index.faiss"
    return path, build_index(path, vectors, boosts, replace(EXACT, exact_below=N - 1))


def _effort(k: int, effort: int) -> SearchFigure:
    return SearchFigure(k=k, effort=effort, recall=0, milliseconds=0)


def neighbours_by_hand(vectors: Floats, boosts: Floats, rows: Rows, k: int) -> Rows:
    scores = vectors[rows].astype(np.float64) @ (vectors * boosts[:, np.newaxis]).astype(np.float64).T
    scores[np.arange(len(rows)), rows] = -np.inf
    return np.argsort(-scores, axis=1)[:, :k]


def recall_by_hand(index: FaissIndex, vectors: Floats, boosts: Floats, k: int) -> float:
    rows = tail_sample(N, 500, SEED)
    targets = neighbours_by_hand(vectors, boosts, rows, k)
    actual = [set(index.search(vectors[row], k + 1).tolist()) for row in rows]
    hits = sum(len(set(line.tolist()) & got) for line, got in zip(targets, actual, strict=True))
    return hits / targets.size


def test_exact_up_to_the_size_and_hnsw_above(
    vectors: Floats, boosts: Floats, hnsw: tuple[Path, IndexInfo], tmp_path: Path
) -> None:
    path, info = hnsw
    assert info.kind == "HNSW32"
    assert FaissIndex(path, info.search).approximate
    small = build_index(tmp_path / "flat", vectors, boosts, EXACT)
    exact = FaissIndex(tmp_path / "flat", small.search)
    assert small.kind == "exact"
    assert not exact.approximate
    assert [(figure.k, figure.effort, figure.recall) for figure in small.search] == [
        (10, 0, 1),
        (100, 0, 1),
    ]
    rows = np.arange(0, N, 97)
    for row, targets in zip(rows, neighbours_by_hand(vectors, boosts, rows, 20), strict=True):
        actual = exact.search(vectors[row], 21)
        assert actual[actual != row][:20].tolist() == targets.tolist()


def test_the_figures_are_what_is_measured_again(
    vectors: Floats, boosts: Floats, hnsw: tuple[Path, IndexInfo]
) -> None:
    path, info = hnsw
    index = FaissIndex(path, info.search)
    assert [figure.k for figure in info.search] == [10, 100]
    for figure in info.search:
        assert figure.recall >= RECALL
        assert figure.recall == pytest.approx(recall_by_hand(index, vectors, boosts, figure.k), abs=1e-4)
        assert 0 < figure.milliseconds < 100


def test_the_effort_is_no_larger_than_needed(
    vectors: Floats, boosts: Floats, hnsw: tuple[Path, IndexInfo]
) -> None:
    path, info = hnsw
    effort = info.search[0].effort
    assert effort > 16
    # A smaller effort than the chosen one was tried and fell short, and half of it falls short too.
    assert recall_by_hand(FaissIndex(path, [_effort(10, effort // 2)]), vectors, boosts, 10) < RECALL


def test_each_depth_is_searched_with_its_own_effort(
    vectors: Floats, boosts: Floats, hnsw: tuple[Path, IndexInfo]
) -> None:
    path, _ = hnsw
    both = FaissIndex(path, [_effort(100, 1_024), _effort(10, 16)])
    shallow, deep = FaissIndex(path, [_effort(10, 16)]), FaissIndex(path, [_effort(100, 1_024)])
    of_both, of_shallow, of_deep = (
        [recall_by_hand(index, vectors, boosts, k) for k in (10, 100)] for index in (both, shallow, deep)
    )
    assert of_both == [of_shallow[0], of_deep[1]]
    assert of_shallow[0] < of_deep[0]
    assert of_shallow[1] < of_deep[1]


def test_a_recall_that_cannot_be_reached_falls_back_to_exact(
    vectors: Floats, boosts: Floats, tmp_path: Path
) -> None:
    few = slice(0, 400)
    info = build_index(
        tmp_path / "index", vectors[few], boosts[few], replace(EXACT, exact_below=10, ann_recall=1.01)
    )
    assert info.kind == "exact"
    assert [figure.recall for figure in info.search] == [1, 1]
    assert not FaissIndex(tmp_path / "index", info.search).approximate


@pytest.mark.parametrize("n", [0, 1, 2, 5, 60])
def test_small_catalogues_are_measured_too(n: int, tmp_path: Path) -> None:
    info = build_index(tmp_path / "index", unit_vectors(2, n, 4), np.ones(n, np.float32), EXACT)
    assert info.kind == "exact"
    assert [figure.recall for figure in info.search] == [1, 1]
    assert len(FaissIndex(tmp_path / "index", info.search)) == n


@pytest.mark.parametrize(("n", "count", "expected"), [(1_000, 200, 200), (1_001, 900, 501), (10, 500, 5)])
def test_the_sample_is_of_the_less_popular_half(n: int, count: int, expected: int) -> None:
    rows = tail_sample(n, count, SEED)
    assert len(set(rows.tolist())) == len(rows) == expected
    assert rows.min() >= n // 2
    assert rows.max() < n
    assert np.array_equal(rows, tail_sample(n, count, SEED))
    if count < n // 2:
        assert set(rows.tolist()) != set(tail_sample(n, count, SEED + 1).tolist())
        assert rows.max() - rows.min() > n // 4  # at random over all of that half


@pytest.mark.parametrize("k", [1, 10, 100])
def test_exact_neighbours_leave_the_item_itself_out(vectors: Floats, boosts: Floats, k: int) -> None:
    rows = np.array([0, 5, N // 2, N - 1])
    actual = exact_neighbours(vectors, vectors * boosts[:, np.newaxis], rows, k)
    assert [line.tolist() for line in actual] == neighbours_by_hand(vectors, boosts, rows, k).tolist()


def test_exact_neighbours_of_few_items() -> None:
    vectors = unit_vectors(3, 4, 3)
    actual = exact_neighbours(vectors, vectors, np.arange(4), 100)
    targets = neighbours_by_hand(vectors, np.ones(4, np.float32), np.arange(4), 3)
    assert [line.tolist() for line in actual] == targets.tolist()


def test_recall_counts_what_is_missing(vectors: Floats, boosts: Floats, tmp_path: Path) -> None:
    items = vectors * boosts[:, np.newaxis]
    build_index(tmp_path / "index", vectors, boosts, EXACT)
    build_index(tmp_path / "even", vectors, np.where(np.arange(N) % 2 == 0, boosts, 0), EXACT)
    rows = np.arange(0, 20)
    exact = list(neighbours_by_hand(vectors, boosts, rows, 10))
    even = np.mean([(line % 2 == 0).mean() for line in exact])
    assert 0.2 < even < 0.8
    assert recall_at(FaissIndex(tmp_path / "index", []), vectors, items, rows, exact, 10)[0] == 1
    index = FaissIndex(tmp_path / "even", [])
    assert recall_at(index, vectors, items, rows, exact, 10)[0] == pytest.approx(even)
    assert recall_at(index, vectors, items, rows[:0], [], 10) == (1, 0)


def test_any_of_equal_vectors_will_do(vectors: Floats, tmp_path: Path) -> None:
    same = np.repeat(vectors[:4], 30, axis=0)
    ones = np.ones(len(same), np.float32)
    assert [figure.recall for figure in build_index(tmp_path / "index", same, ones, EXACT).search] == [1, 1]
    rows = np.arange(len(same))
    others = [np.flatnonzero((rows // 30 == row // 30) & (rows != row))[-10:] for row in rows]
    assert recall_at(FaissIndex(tmp_path / "index", []), same, same, rows, others, 10)[0] == 1


def grouped_vectors(n_groups: int, of_each: int) -> Floats:
    """Tight groups that are nearly orthogonal to one another, popular items of all groups first."""
    rng = np.random.default_rng(4)
    centres = unit_vectors(5, n_groups, 64)
    vectors = np.tile(centres, (of_each, 1)) + 0.05 * rng.standard_normal((n_groups * of_each, 64))
    return np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("ivf_above", [1_000, 100_000])
def test_ivf_beyond_a_size(ivf_above: int, tmp_path: Path) -> None:
    vectors = grouped_vectors(40, 60)
    boosts = np.linspace(1.5, 1, len(vectors), dtype=np.float32)
    info = build_index(
        tmp_path / "index", vectors, boosts, replace(EXACT, exact_below=100), ivf_above=ivf_above
    )
    assert info.kind == ("IVF" if ivf_above == 1_000 else "HNSW32")
    index = FaissIndex(tmp_path / "index", info.search)
    assert index.approximate
    rows = np.arange(1_200, 2_400, 7)
    for k in (10, 100):
        targets = neighbours_by_hand(vectors, boosts, rows, k)
        actual = [
            np.isin(line, index.search(vectors[row], k + 1)).mean()
            for row, line in zip(rows, targets, strict=True)
        ]
        assert np.mean(actual) >= RECALL - 0.01
