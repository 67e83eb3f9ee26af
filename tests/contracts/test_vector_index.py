"""The contract of every VectorIndex, compared with exact search in NumPy."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from hybrid_recs.errors import CorruptGenerationError
from hybrid_recs.generation.manifest import SearchFigure
from hybrid_recs.generation.row_mask import RowMask
from hybrid_recs.generation.vector_index import ExactIndex, FaissIndex, VectorIndex
from hybrid_recs.offline.build.ivf import build_ivf
from hybrid_recs.types import Floats
from tests.builders import random_unit_vectors

_faiss: Any = faiss  # its stubs omit what SWIG generates at run time
_HIGH_EFFORT = [SearchFigure(k=k, effort=512, recall=1, milliseconds=1) for k in (10, 100)]
_FACTORY = {"flat": "Flat", "hnsw": "HNSW32,Flat"}

_APPROXIMATE_KINDS = ("hnsw", "ivf")

MakeIndex = Callable[[Floats], VectorIndex]


def _faiss_file(folder: Path, kind: str, vectors: Floats) -> Path:
    if kind == "ivf":
        index = build_ivf(vectors, seed=20)
    else:
        index = faiss.index_factory(vectors.shape[1], _FACTORY[kind], faiss.METRIC_INNER_PRODUCT)
        index.add(vectors)
    path = folder / f"{kind}.faiss"
    faiss.write_index(index, str(path))
    return path


@pytest.fixture(params=["oracle", "flat", "hnsw", "ivf"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(kind: str, tmp_path: Path) -> MakeIndex:
    def make_index(vectors: Floats) -> VectorIndex:
        if kind == "oracle":
            return ExactIndex(vectors)
        return FaissIndex(_faiss_file(tmp_path, kind, vectors), _HIGH_EFFORT)

    return make_index


def _tilted(seed: int, n: int, dimensions: int = 16) -> Floats:
    """Unit vectors scaled up a little, as by popularity: the nearest row need not be the row itself."""
    rng = np.random.default_rng(seed)
    tilt = (1 + 0.2 * rng.random((n, 1))).astype(np.float32)
    return np.ascontiguousarray(random_unit_vectors(rng, n, dimensions) * tilt)


def _nearest(vectors: Floats, query: Floats, k: int) -> list[int]:
    products = vectors.astype(np.float64) @ query.astype(np.float64)
    return [int(row) for row in np.argsort(-products, kind="stable")[:k]]


@pytest.mark.parametrize("k", [1, 10, 11, 100, 101])
def test_finds_the_largest_inner_products_in_order(make: MakeIndex, kind: str, k: int) -> None:
    vectors = _tilted(1, 1_500)
    index = make(vectors)
    queries = random_unit_vectors(np.random.default_rng(2), 40, 16)
    hits = 0
    for query in queries:
        expected, rows = _nearest(vectors, query, k), index.search(query, k).tolist()
        assert len(rows) == k
        assert len(set(rows)) == k
        products = vectors[rows].astype(np.float64) @ query.astype(np.float64)
        assert (np.diff(products) <= 1e-6).all()
        if kind not in _APPROXIMATE_KINDS:
            assert rows == expected
        hits += len(set(rows) & set(expected))
    assert hits / (k * len(queries)) >= 0.95


@pytest.mark.parametrize("k", [40, 41, 5_000])
def test_k_above_the_size_returns_all_rows(make: MakeIndex, kind: str, k: int) -> None:
    vectors = _tilted(3, 40)
    rows = make(vectors).search(vectors[7], k).tolist()
    assert sorted(rows) == list(range(40))
    if kind not in _APPROXIMATE_KINDS:
        assert rows == _nearest(vectors, vectors[7], 40)


def test_k_of_zero_returns_an_empty_array(make: MakeIndex) -> None:
    rows = make(_tilted(4, 20)).search(np.ones(16, np.float32), 0)
    assert rows.tolist() == []
    assert rows.dtype == np.int64


@pytest.mark.parametrize("k", [0, 1, 2, 100])
def test_a_single_vector_is_found(make: MakeIndex, k: int) -> None:
    index = make(_tilted(5, 1))
    assert len(index) == 1
    assert index.search(np.ones(16, np.float32), k).tolist() == [0][:k]


def test_never_minus_one_and_never_twice(make: MakeIndex) -> None:
    """Identical vectors make a poor HNSW graph, in which the search runs out of candidates."""
    vectors = np.ascontiguousarray(np.repeat(_tilted(6, 4), 100, axis=0))
    index = make(vectors)
    for k in (1, 50, 399, 400, 401, 4_000):
        for query in vectors[::100]:
            rows = index.search(query, k).tolist()
            assert 0 < len(rows) <= min(k, 400)
            assert len(set(rows)) == len(rows)
            assert set(rows) <= set(range(400))


def test_a_search_that_runs_out_of_candidates_returns_fewer_rows(tmp_path: Path) -> None:
    vectors = np.ascontiguousarray(np.repeat(_tilted(6, 4), 100, axis=0))
    path = _faiss_file(tmp_path, "hnsw", vectors)
    effort = _faiss.SearchParametersHNSW(efSearch=400)
    _, raw = faiss.read_index(str(path)).search(vectors[:1], 400, params=effort)
    assert (raw == -1).any()
    rows = FaissIndex(path, []).search(vectors[0], 400)
    assert rows.tolist() == raw[0][raw[0] >= 0].tolist()


def test_length_is_the_number_of_vectors(make: MakeIndex) -> None:
    assert len(make(_tilted(7, 33))) == 33


def test_a_batch_returns_the_same_rows_as_single_queries() -> None:
    vectors = _tilted(8, 300)
    queries = random_unit_vectors(np.random.default_rng(9), 25, 16)
    index = ExactIndex(vectors)
    batch = index.search_many(queries, 12)
    assert batch.tolist() == [_nearest(vectors, query, 12) for query in queries]
    assert index.search_many(queries, 0).shape == (25, 0)


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf"])
class TestFile:
    def test_searching_does_not_change_the_file(self, kind: str, tmp_path: Path) -> None:
        vectors = _tilted(10, 500)
        path = _faiss_file(tmp_path, kind, vectors)
        before = hashlib.sha256(path.read_bytes()).hexdigest()
        index = FaissIndex(path, _HIGH_EFFORT)
        for vector in vectors:
            index.search(vector, 20)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == before

    def test_properties_are_read_from_the_file(self, kind: str, tmp_path: Path) -> None:
        index = FaissIndex(_faiss_file(tmp_path, kind, _tilted(11, 50)), [])
        assert index.approximate == (kind in _APPROXIMATE_KINDS)
        assert index.dimensions == 16
        assert len(index.search(np.ones(16, np.float32), 10)) == 10

    @pytest.mark.parametrize("damage", ["missing", "empty", "half", "last bytes", "first byte"])
    def test_the_error_names_a_damaged_file(self, kind: str, damage: str, tmp_path: Path) -> None:
        path = _faiss_file(tmp_path, kind, _tilted(12, 50))
        content = path.read_bytes()
        FaissIndex(path, [])
        if damage == "missing":
            path.unlink()
        else:
            damaged = {
                "empty": b"",
                "half": content[: len(content) // 2],
                "last bytes": content[:-8],  # fewer bytes could be only zeros of the last id
                "first byte": b"\xff" + content[1:],
            }
            path.write_bytes(damaged[damage])
        with pytest.raises(CorruptGenerationError, match=path.name):
            FaissIndex(path, [])


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
@pytest.mark.parametrize("settings", [[], _HIGH_EFFORT])
@pytest.mark.parametrize("n_excluded", [1, 40, 500])
def test_excluded_rows_are_skipped_inside_the_search(
    kind: str, settings: list[SearchFigure], n_excluded: int, tmp_path: Path
) -> None:
    """The nearest rows are excluded, so that the search has to go past them."""
    vectors = _tilted(15, 1_500)
    index = FaissIndex(_faiss_file(tmp_path, kind, vectors), settings)
    queries = random_unit_vectors(np.random.default_rng(16), 20, 16)
    hits = 0
    for query in queries:
        nearest = _nearest(vectors, query, n_excluded + 20)
        excluded, expected = frozenset(nearest[:n_excluded]), nearest[n_excluded:]
        rows = index.search(query, 20, excluded).tolist()
        assert len(rows) == len(set(rows)) == 20
        assert not excluded & set(rows)
        if kind == "flat":
            assert rows == expected
        hits += len(set(rows) & set(expected))
    assert hits / (20 * len(queries)) >= 0.95


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_all_remaining_rows_are_found_when_most_are_excluded(kind: str, tmp_path: Path) -> None:
    vectors = _tilted(17, 300)
    index = FaissIndex(_faiss_file(tmp_path, kind, vectors), _HIGH_EFFORT)
    remaining = {3, 77, 150, 299}
    assert set(index.search(vectors[0], 20, frozenset(range(300)) - remaining).tolist()) == remaining


@pytest.mark.parametrize("kind", ["flat", *_APPROXIMATE_KINDS])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.98])
def test_ineligible_rows_are_skipped_inside_the_search(kind: str, share: float, tmp_path: Path) -> None:
    vectors = _tilted(19, 3_000)
    index = FaissIndex(_faiss_file(tmp_path, kind, vectors), _HIGH_EFFORT if kind != "ivf" else [])
    rng, hits = np.random.default_rng(20), 0
    mask = rng.random(3_000) < share
    eligible = RowMask(np.append(mask, [True, True]))  # rows beyond the index are new items
    excluded = frozenset(np.flatnonzero(mask)[:5].tolist())
    queries = random_unit_vectors(rng, 20, 16)
    for query in queries:
        best = [row for row in _nearest(vectors, query, 3_000) if mask[row] and row not in excluded][:20]
        rows = index.search(query, 20, excluded, eligible).tolist()
        assert len(rows) == len(set(rows)) == len(best)
        assert mask[rows].all()
        assert not excluded & set(rows)
        hits += len(set(rows) & set(best))
    assert hits / (20 * len(queries)) >= (1.0 if kind == "flat" else 0.95)
    assert index.search(queries[0], 20, frozenset(), RowMask(np.zeros(3_002, bool))).tolist() == []


def test_search_effort_is_that_measured_for_the_depth(tmp_path: Path) -> None:
    """Low effort has lower recall: each of the index's search settings is used at its own depth."""
    vectors = _tilted(13, 3_000, 32)
    path = _faiss_file(tmp_path, "hnsw", vectors)
    figures = [
        SearchFigure(k=100, effort=1_024, recall=1, milliseconds=1),
        SearchFigure(k=10, effort=1, recall=0.1, milliseconds=1),
    ]
    index = FaissIndex(path, figures)
    queries = random_unit_vectors(np.random.default_rng(14), 60, 32)
    recalls = {}
    for k in (11, 12):
        hits = [len(set(index.search(q, k).tolist()) & set(_nearest(vectors, q, k))) for q in queries]
        recalls[k] = sum(hits) / (k * len(queries))
    assert recalls[11] < 0.9
    assert recalls[12] > 0.97


def _grouped(seed: int, groups: int, group_size: int, dimensions: int = 32) -> Floats:
    """Vectors in tight groups that are nearly orthogonal to each other."""
    rng = np.random.default_rng(seed)
    centres = random_unit_vectors(rng, groups, dimensions)
    noise = 0.1 * rng.standard_normal((groups * group_size, dimensions))
    vectors = np.repeat(centres, group_size, axis=0) + noise
    return np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _recall(index: FaissIndex, vectors: Floats, k: int) -> float:
    queries = vectors[::97]
    hits = [len(set(index.search(q, k).tolist()) & set(_nearest(vectors, q, k))) for q in queries]
    return sum(hits) / (k * len(queries))


def _with_effort(effort: int) -> list[SearchFigure]:
    return [SearchFigure(k=k, effort=effort, recall=1, milliseconds=1) for k in (10, 100)]


def test_few_lists_of_an_ivf_index_hold_the_neighbours_within_a_group(tmp_path: Path) -> None:
    vectors = _grouped(15, 40, 150)
    path = _faiss_file(tmp_path, "ivf", vectors)
    assert _recall(FaissIndex(path, _with_effort(8)), vectors, 10) >= 0.98
    assert _recall(FaissIndex(path, _with_effort(10_000)), vectors, 10) == 1


def test_an_ivf_search_reads_more_lists_until_it_has_enough(tmp_path: Path) -> None:
    """An inverted list of about 64 vectors cannot return 1,000."""
    vectors = _tilted(16, 3_000)
    index = FaissIndex(
        _faiss_file(tmp_path, "ivf", vectors), [SearchFigure(k=10_000, effort=1, recall=1, milliseconds=1)]
    )
    queries = random_unit_vectors(np.random.default_rng(17), 10, 16)
    for k in (1, 1_000, 3_000):
        for rows in index.search_many(queries, k):
            assert len(rows) == len(set(rows.tolist())) == k
            assert rows.min() >= 0
    assert index.search(queries[0], 5_000).tolist() == _nearest(vectors, queries[0], 3_000)


@pytest.mark.parametrize("approximate", _APPROXIMATE_KINDS)
def test_a_batch_returns_the_same_rows_as_single_queries_and_more_effort_finds_more(
    approximate: str, tmp_path: Path
) -> None:
    vectors = _tilted(18, 3_000, 32)
    index = FaissIndex(_faiss_file(tmp_path, approximate, vectors), _with_effort(2))
    queries = random_unit_vectors(np.random.default_rng(19), 50, 32)
    single = [index.search(query, 11).tolist() for query in queries]
    assert [rows.tolist() for rows in index.search_many(queries, 11)] == single
    expected = [set(_nearest(vectors, query, 11)) for query in queries]
    default_hits, more_effort_hits = (
        sum(
            len(set(rows.tolist()) & nearest)
            for rows, nearest in zip(index.search_many(queries, 11, multiplier), expected, strict=True)
        )
        for multiplier in (1, 50)
    )
    assert default_hits < more_effort_hits
    assert index.search_many(queries[:2], 0)[1].tolist() == []


def test_the_same_vectors_make_the_same_ivf_file(tmp_path: Path) -> None:
    vectors = _grouped(20, 20, 100)
    first = _faiss_file(tmp_path, "ivf", vectors).read_bytes()
    assert _faiss_file(tmp_path, "ivf", vectors).read_bytes() == first
