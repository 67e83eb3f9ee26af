"""Baselines keep the contract of `Method` and find what is planted in the data."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from benchmarks.session_knn import SessionKnn
from hybrid_recs.errors import HybridRecsError
from hybrid_recs.offline.data.dataset import read_dataset
from hybrid_recs.offline.data.encoding import EncodedData, encode
from hybrid_recs.offline.evaluation import learned_baselines
from hybrid_recs.offline.evaluation.baseline_tuning import hold_out
from hybrid_recs.offline.evaluation.baselines import ItemKnn, Popular, decayed, top_rows
from hybrid_recs.offline.evaluation.learned_baselines import Als, RandomisedSvd, Word2Vec
from hybrid_recs.offline.evaluation.method import Method, MethodKind
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.types import Floats, Rows
from tests.offline.builders import encoded, random_histories
from tests.planted import world_of, write_planted

DAY = 86_400.0

FITS: dict[str, Callable[[EncodedData], Method]] = {
    "popular": Popular.fit,
    "item_knn": ItemKnn.fit,
    "svd": RandomisedSvd.fit,
    "als": Als.fit,
    "word2vec": lambda data: Word2Vec.fit(data, epochs=60),
    "session_knn": SessionKnn.fit,
}
NEEDS = {"als": "implicit", "word2vec": "gensim"}


@dataclass(frozen=True)
class Planted:
    data: EncodedData
    worlds: np.ndarray[tuple[int], np.dtype[np.int64]]
    histories: list[Rows]
    fitted: dict[str, Method]

    def method(self, name: str) -> Method:
        """Fitted once for all tests."""
        if name in NEEDS:
            pytest.importorskip(NEEDS[name])
        if name not in self.fitted:
            self.fitted[name] = FITS[name](self.data)
        return self.fitted[name]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    description: Path = write_planted(tmp_path_factory.mktemp("planted"))
    data = encode(read_dataset(DatasetConfig.load(description), 5_000))
    worlds = np.array([world_of(item) for item in data.items["item"]], np.int64)
    histories = data.pairs.group_by("user", maintain_order=True).agg("item")["item"]
    return Planted(data, worlds, [np.array(one, np.int64) for one in histories.to_list()], {})


def rows(*values: int) -> Rows:
    return np.array(values, np.int64)


def check_list(actual: Rows, k: int, n: int) -> None:
    assert actual.dtype == np.int64
    assert len(actual) <= k
    assert len(set(actual.tolist())) == len(actual)
    assert all(0 <= row < n for row in actual.tolist())


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("k", [1, 20, 500])
def test_the_contract_of_a_method(planted: Planted, name: str, k: int) -> None:
    method, n = planted.method(name), planted.data.n_vectors
    assert method.kind is MethodKind.BASELINE
    assert method.name
    for row in range(0, n, 17):
        actual = method.from_item(row, k)
        check_list(actual, k, n)
        assert len(actual) >= min(k, 10)
        assert row not in actual
    for history in planted.histories[::53]:
        check_list(method.from_session(np.concatenate((history, history[:2])), k), k, n)
        actual = method.from_user(history, k)
        check_list(actual, k, n)
        assert len(actual)
        assert not set(actual.tolist()) & set(history.tolist())


@pytest.mark.parametrize("name", FITS)
def test_rows_without_a_vector_are_no_fault(planted: Planted, name: str) -> None:
    method, n = planted.method(name), planted.data.n_vectors
    assert len(planted.data.items) > n
    assert n not in method.from_item(n, 5)
    history = planted.histories[0]
    mixed = np.concatenate((history, rows(n)))
    for ask in (method.from_session, method.from_user):
        assert set(ask(mixed, 5).tolist()).isdisjoint({n})
    check_list(method.from_session(rows(n), 5), 5, n)
    check_list(method.from_user(rows(n), 5), 5, n)


@pytest.mark.parametrize("name", ["item_knn", "svd", "als", "word2vec", "session_knn"])
def test_neighbours_are_of_the_same_world(planted: Planted, name: str) -> None:
    method, worlds = planted.method(name), planted.worlds
    actual = [method.from_item(row, 10) for row in range(planted.data.n_vectors)]
    same = [worlds[one] == worlds[row] for row, one in enumerate(actual)]
    assert np.concatenate(same).mean() >= 0.9
    asked = planted.histories[::20]
    for ask in (method.from_session, method.from_user):
        right = [worlds[ask(history[:6], 10)] == worlds[history[0]] for history in asked]
        assert np.concatenate(right).mean() >= 0.9


def test_popular_is_in_order_of_users(planted: Planted) -> None:
    method, degrees = planted.method("popular"), planted.data.degrees
    order = sorted(range(planted.data.n_vectors), key=lambda row: (-degrees[row], row))
    assert method.from_session(rows(0), 300).tolist() == order
    assert method.from_item(order[1], 3).tolist() == [order[0], order[2], order[3]]
    assert method.from_user(rows(order[0], order[2]), 2).tolist() == [order[1], order[3]]


def dense_cosines(data: EncodedData) -> Floats:
    matrix = data.matrix.toarray().astype(np.float64)
    unit = matrix / np.linalg.norm(matrix, axis=0)
    cosines = unit.T @ unit
    np.fill_diagonal(cosines, 0)
    return np.asarray(cosines, np.float32)


@pytest.mark.parametrize("cells", [1, 500, 4_000_000])
def test_item_knn_is_the_dense_cosine(cells: int) -> None:
    data, _ = encoded(random_histories(2, 80, 40, 9))
    cosines, method = dense_cosines(data), ItemKnn.fit(data, neighbours=7, cells_at_once=cells)
    for row in range(data.n_vectors):
        start, end = method.starts[row], method.starts[row + 1]
        expected = np.sort(cosines[row])[::-1][:7]
        assert method.cosines[start:end] == pytest.approx(expected[expected > 0], rel=1e-5)
        assert cosines[row, method.rows[start:end]] == pytest.approx(method.cosines[start:end], rel=1e-5)


def test_item_knn_sums_cosines_of_sessions_and_users() -> None:
    data, histories = encoded(random_histories(4, 80, 40, 9))
    cosines, method = dense_cosines(data), ItemKnn.fit(data)
    session = np.array(histories[0] + histories[1] + histories[0][:1], np.int64)
    with_self = cosines + np.eye(len(cosines), dtype=np.float32)
    recent = list(dict.fromkeys(session[::-1].tolist()))
    scores = sum(with_self[row] / (1 + 0.5 * index) for index, row in enumerate(recent))
    actual = method.from_session(session, 10)
    assert scores[actual] == pytest.approx(np.sort(scores)[::-1][:10], rel=1e-5)
    scores = cosines[np.unique(session)].sum(axis=0)
    scores[session] = 0
    actual = method.from_user(session, 10)
    assert scores[actual] == pytest.approx(np.sort(scores)[::-1][:10], rel=1e-5)


def test_top_rows_puts_ties_at_the_lower_row() -> None:
    scores = np.array([1, 3, 2, 3, 1, 1], np.float32)
    assert top_rows(scores, 4).tolist() == [1, 3, 2, 0]
    assert top_rows(scores, 9, masked=rows(1)).tolist() == [3, 2, 0, 4, 5]
    assert top_rows(scores, 9, above=1).tolist() == [1, 3, 2]
    assert top_rows(scores, 0).tolist() == []


def test_recent_items_count_more() -> None:
    actual, weights = decayed(rows(5, 2, 5, 9, 2))
    assert actual.tolist() == [2, 9, 5]
    assert weights.tolist() == pytest.approx([1, 1 / 1.5, 1 / 2])


def test_svd_finds_the_dense_singular_vectors(planted: Planted) -> None:
    a = planted.data.matrix.toarray().astype(np.float64)
    a /= np.sqrt(a.sum(axis=1, keepdims=True)) * np.sqrt(a.sum(axis=0, keepdims=True))
    _, expected, right = np.linalg.svd(a, full_matrices=False)
    vectors, values = learned_baselines._truncated_svd(planted.data.matrix, 32, seed=0)
    assert values == pytest.approx(expected[:32], rel=0.05)
    assert values[:8] == pytest.approx(np.ones(8), rel=1e-4)  # one for each world
    assert vectors.T @ vectors == pytest.approx(np.eye(32), abs=1e-3)
    assert np.linalg.norm(right[:8] @ vectors[:, :8]) ** 2 == pytest.approx(8, rel=1e-3)


def test_svd_of_fewer_users_than_factors() -> None:
    data, histories = encoded([[0, 1], [0, 1], [2, 3], [2, 3, 4], [3, 4]])
    method = RandomisedSvd.fit(data)
    assert method.from_item(histories[0][0], 1).tolist() == [histories[0][1]]


def test_als_folds_a_training_user_in_to_its_factor(planted: Planted) -> None:
    module = pytest.importorskip("implicit.als")
    with learned_baselines._one_blas_thread():
        ours = learned_baselines.fit_als(planted.data.matrix, 16, 10.0, seed=0)
        theirs = module.AlternatingLeastSquares(
            factors=16, alpha=10.0, regularization=0.01, iterations=15, num_threads=1, random_state=0
        )
        matrix = sparse.csr_matrix(planted.data.matrix)
        theirs.fit(matrix, show_progress=False)
    assert ours.items == pytest.approx(theirs.item_factors, abs=1e-5)
    for user in range(0, matrix.shape[0], 60):
        factor = ours.user(matrix[user].indices.astype(np.int64))
        assert factor == pytest.approx(theirs.recalculate_user(user, matrix[user]), abs=1e-3)
        trained = theirs.user_factors[user]
        assert factor @ trained > 0.99 * np.linalg.norm(factor) * np.linalg.norm(trained)


def test_als_without_time_to_tune_keeps_its_first_setting(planted: Planted) -> None:
    pytest.importorskip("implicit")
    method = Als.fit(planted.data, tuning_seconds=0)
    assert method.users.alpha == 1
    assert method.users.items.shape == (planted.data.n_vectors, 64)


def test_validation_holds_out_last_items() -> None:
    data, histories = encoded([[0, 1, 2], [3], [2, 0], [1, 2, 0]])
    held_out = hold_out(data, seed=0)
    steps = {(one[-2], one[-1]) for one in histories if len(one) > 1}
    assert set(zip(held_out.sources.tolist(), held_out.targets.tolist(), strict=True)) == steps
    assert held_out.matrix.sum() == data.matrix.sum() - 3
    assert not held_out.matrix[held_out.users, held_out.targets].any()
    assert held_out.item_hit_rate(np.eye(data.n_vectors, dtype=np.float32)) == 1  # fewer than 20 items


@pytest.mark.parametrize(("name", "library"), NEEDS.items())
def test_a_missing_library_is_named(
    planted: Planted, name: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (library, "implicit.als", "gensim.models"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(HybridRecsError, match=rf"{library}.*hybrid-recs\[benchmark\]"):
        FITS[name](planted.data)


def test_session_knn_by_hand() -> None:
    """The newest session is 0 days old; the older one fades and is longer."""
    histories = [[0, 1, 2, 3], [0, 4, 5], [6, 7]]
    times = [[0.0, 1, 2, 3], [40 * DAY, 40 * DAY, 40 * DAY + 3], [40 * DAY, 40 * DAY + 3]]
    data, (old, new, other) = encoded(histories, times=times)
    method = SessionKnn.fit(data)
    # From item 0: old gives e⁻¹/2 · (e^-.5, e^-1, e^-1.5) = .112 .068 .041; new 1/√3 · (.607, .368).
    assert method.from_item(old[0], 20).tolist() == [new[1], new[2], old[1], old[2], old[3]]
    # 1 then 4: old matches 1 at distance 1, new matches 4 at distance 0; nothing is masked.
    expected = {
        old[0]: np.exp(-1 / 6 - 1 - 1 / 2) / 2 + np.exp(-1 / 2) / np.sqrt(3),
        old[1]: np.exp(-1 / 6 - 1) / 2,
        old[2]: np.exp(-1 / 6 - 1 - 1 / 2) / 2,
        old[3]: np.exp(-1 / 6 - 1 - 2 / 2) / 2,
        new[1]: 1 / np.sqrt(3),
        new[2]: np.exp(-1 / 2) / np.sqrt(3),
    }
    session = np.array([old[1], new[1]], np.int64)
    order = sorted(expected, key=lambda row: (-expected[row], row))
    assert method.from_session(session, 20).tolist() == order
    assert method.from_user(session, 20).tolist() == [row for row in order if row not in session]
    assert method.from_item(other[0], 20).tolist() == [other[1]]


def test_session_knn_without_times() -> None:
    data, histories = encoded([[0, 1, 2], [0, 3], [4, 5]])
    method = SessionKnn.fit(data)
    # 1/√2 · e^-.5 of the shorter one, 1/√3 · (e^-.5, e^-1) of the longer.
    expected = [histories[1][1], histories[0][1], histories[0][2]]
    assert method.from_item(histories[0][0], 5).tolist() == expected
