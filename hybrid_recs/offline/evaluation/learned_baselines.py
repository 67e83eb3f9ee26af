"""Well-known methods that learn vectors: randomised SVD, implicit ALS, word2vec.

Their important settings are chosen on the last items of some users of the training data.
"""

import importlib
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from hybrid_recs.errors import HybridRecsError
from hybrid_recs.offline.data.encoding import EncodedData
from hybrid_recs.offline.evaluation.baseline_tuning import HeldOut, hold_out
from hybrid_recs.offline.evaluation.baselines import known_rows, rank_by_cosine, rank_by_session, top_rows
from hybrid_recs.offline.evaluation.method import MethodKind
from hybrid_recs.offline.training.embeddings import unit_rows
from hybrid_recs.types import Floats, Rows

FACTORS = 128
_OVERSAMPLING = 16
_POWER_ITERATIONS = 4
_TINY = 1e-6
_ALS_REGULARIZATION = 0.01
_ALS_ITERATIONS = 15
_ALS_ALPHAS = (1.0, 10.0, 40.0)
_ALS_FIRST_FACTORS = 64
_ALS_OTHER_FACTORS = (32, 128)

Csr = sparse.csr_array


@dataclass(frozen=True, slots=True)
class RandomisedSvd:
    """Truncated SVD of D_u^-½ A D_i^-½ (A: users × items, 0/1; D: row and column sums).

    Halko, Martinsson, Tropp, "Finding structure with randomness", SIAM Review 2011.
    unit: right vectors (n × f) as rows of length 1; right: the same vectors as the SVD gives them.
    """

    unit: Floats
    right: Floats
    name = "randomised SVD"
    kind = MethodKind.BASELINE

    @classmethod
    def fit(cls, data: EncodedData, seed: int = 0, factors: int = FACTORS) -> "RandomisedSvd":
        """Vectors for cosines are scaled by the singular values if that is better on the held-out items."""
        held_out = hold_out(data, seed)
        right, values = _truncated_svd(held_out.matrix, factors, seed)
        scaled = held_out.item_hit_rate(right * values) > held_out.item_hit_rate(right)
        right, values = _truncated_svd(data.matrix, factors, seed)
        return cls(unit_rows(right * values if scaled else right), right)

    def from_item(self, row: int, k: int) -> Rows:
        return rank_by_cosine(self.unit, row, k)

    def from_session(self, rows: Rows, k: int) -> Rows:
        """By cosine with the decayed sum of the session's unit vectors."""
        return rank_by_session(self.unit, rows, k)

    def from_user(self, rows: Rows, k: int) -> Rows:
        """By projection of the history: V_i · Σ V_j."""
        history = np.unique(known_rows(rows, len(self.right)))
        return top_rows(self.right @ self.right[history].sum(axis=0), k, masked=history)


@dataclass(frozen=True, slots=True)
class FoldIn:
    """Item factors (n × f) and what turns a history into a user factor (f).

    Hu, Koren, Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008: solves
    (YᵀY + (α - 1) Σ y_j y_jᵀ + λ I) x = α Σ y_j over the items j of the history.
    """

    items: Floats
    gram: NDArray[np.float64]  # YᵀY + λ I
    alpha: float

    def user(self, history: Rows) -> Floats:
        """The factor of a user with these distinct items."""
        factors = self.items[history].astype(np.float64)
        normal = self.gram + (self.alpha - 1) * (factors.T @ factors)
        factor = linalg.solve(normal, self.alpha * factors.sum(axis=0), assume_a="pos")
        return np.asarray(factor, np.float32)


@dataclass(frozen=True, slots=True)
class Als:
    """Weighted matrix factorisation by alternating least squares, of the library `implicit`.

    unit: item factors as rows of length 1, for items. users: for sessions and users. They come from two
    models if different settings are best for them.
    """

    unit: Floats
    users: FoldIn
    name = "implicit ALS"
    kind = MethodKind.BASELINE

    @classmethod
    def fit(cls, data: EncodedData, seed: int = 0, tuning_seconds: float = 300) -> "Als":
        """Choose α, then the number of factors, separately for items and users; then learn from all data.

        A setting is skipped if it is expected to exceed the rest of `tuning_seconds`.
        """
        with _one_blas_thread():
            for_items, for_users = _choose_als(hold_out(data, seed), seed, tuning_seconds)
            item_model = fit_als(data.matrix, *for_items, seed)
            user_model = item_model if for_items == for_users else fit_als(data.matrix, *for_users, seed)
        return cls(unit_rows(item_model.items), user_model)

    def from_item(self, row: int, k: int) -> Rows:
        return rank_by_cosine(self.unit, row, k)

    def from_session(self, rows: Rows, k: int) -> Rows:
        """By the user factor that the session folds in to."""
        history = np.unique(known_rows(rows, len(self.unit)))
        return top_rows(self.users.items @ self.users.user(history), k)

    def from_user(self, rows: Rows, k: int) -> Rows:
        """By the user factor that the history folds in to."""
        history = np.unique(known_rows(rows, len(self.unit)))
        return top_rows(self.users.items @ self.users.user(history), k, masked=history)


@dataclass(frozen=True, slots=True)
class Word2Vec:
    """Skip-gram vectors of items, with histories as sentences, of the library `gensim`.

    Mikolov et al., "Distributed representations of words and phrases", NIPS 2013; Barkan, Koenigstein,
    "Item2vec", MLSP 2016. unit: n × 128, rows of length 1. Two workers: runs differ a little.
    """

    unit: Floats
    name = "word2vec"
    kind = MethodKind.BASELINE

    @classmethod
    def fit(cls, data: EncodedData, seed: int = 0, epochs: int = 10) -> "Word2Vec":
        """Learn from the histories in order; every item is a word."""
        ends = np.flatnonzero(np.diff(data.pairs["user"].to_numpy())) + 1
        words = data.pairs["item"].cast(str).to_list()
        bounds = [0, *ends.tolist(), len(words)]
        model = _library("gensim.models").Word2Vec(
            sentences=[words[start:end] for start, end in pairwise(bounds)],
            sg=1,
            vector_size=FACTORS,
            window=5,
            negative=10,
            epochs=epochs,
            min_count=1,
            workers=2,
            seed=seed,
        )
        vectors = np.zeros((data.n_vectors, FACTORS), np.float32)
        vectors[np.array(model.wv.index_to_key, np.int64)] = model.wv.vectors
        return cls(unit_rows(vectors))

    def from_item(self, row: int, k: int) -> Rows:
        return rank_by_cosine(self.unit, row, k)

    def from_session(self, rows: Rows, k: int) -> Rows:
        """By cosine with the decayed sum of the session's unit vectors."""
        return rank_by_session(self.unit, rows, k)

    def from_user(self, rows: Rows, k: int) -> Rows:
        """By cosine with the mean of the history's unit vectors."""
        history = np.unique(known_rows(rows, len(self.unit)))
        return top_rows(self.unit @ self.unit[history].sum(axis=0), k, masked=history)


def _truncated_svd(matrix: "Csr[np.float32]", factors: int, seed: int) -> tuple[Floats, Floats]:
    """Right singular vectors (n × f) and values (f) of the normalised matrix, f at most `factors`."""
    per_user = np.maximum(np.asarray(matrix.sum(axis=1), np.float32), 1)
    per_item = np.maximum(np.asarray(matrix.sum(axis=0), np.float32), 1)
    a = matrix.copy()
    a.data = a.data / np.sqrt(np.repeat(per_user, np.diff(a.indptr)) * per_item[a.indices])
    transposed = a.T.tocsr()
    width = min(factors + _OVERSAMPLING, *a.shape)
    x = np.random.default_rng(seed).standard_normal((a.shape[1], width), np.float32)
    q, _ = _orthonormal(a @ x)
    for _ in range(_POWER_ITERATIONS):
        p, _ = _orthonormal(transposed @ q)
        q, _ = _orthonormal(a @ p)
    right, values = _orthonormal(transposed @ q)
    return np.ascontiguousarray(right[:, :factors]), values[:factors]


def _orthonormal(x: Floats) -> tuple[Floats, Floats]:
    """Left singular vectors and values of a tall x from xᵀx, without values below 0.001 of the first."""
    squares, vectors = np.linalg.eigh((x.T @ x).astype(np.float64))
    keep = squares > _TINY * max(squares[-1], np.finfo(np.float64).tiny)
    squares, vectors = squares[keep][::-1], vectors[:, keep][:, ::-1]
    values = np.sqrt(squares)
    return x @ (vectors / values).astype(np.float32), values.astype(np.float32)


def _choose_als(held_out: HeldOut, seed: int, seconds: float) -> tuple[tuple[int, float], tuple[int, float]]:
    """The best (factors, α) by HR@20 of the next item, and by Recall@20 of users."""
    item_scores: dict[tuple[int, float], float] = {}
    user_scores: dict[tuple[int, float], float] = {}
    end, slowest = time.monotonic() + seconds, 0.0

    def measure(factors: int, alpha: float) -> None:
        nonlocal slowest
        begin = time.monotonic()
        if (factors, alpha) in item_scores or (item_scores and begin + slowest > end):
            return
        model = fit_als(held_out.matrix, factors, alpha, seed)
        item_scores[factors, alpha] = held_out.item_hit_rate(model.items)
        user_scores[factors, alpha] = held_out.user_hit_rate(model.items, model.user)
        slowest = max(slowest, time.monotonic() - begin)

    for alpha in _ALS_ALPHAS:
        measure(_ALS_FIRST_FACTORS, alpha)
    for scores in (item_scores, user_scores):
        _, best_alpha = max(scores, key=scores.__getitem__)
        for factors in _ALS_OTHER_FACTORS:
            measure(factors, best_alpha)
    return max(item_scores, key=item_scores.__getitem__), max(user_scores, key=user_scores.__getitem__)


def fit_als(matrix: "Csr[np.float32]", factors: int, alpha: float, seed: int) -> FoldIn:
    """Item factors; the same input gives the same factors, because each row is solved independently."""
    with _one_blas_thread():
        model = _library("implicit.als").AlternatingLeastSquares(
            factors=factors,
            regularization=_ALS_REGULARIZATION,
            alpha=alpha,
            iterations=_ALS_ITERATIONS,
            num_threads=2,
            random_state=seed,
        )
        model.fit(sparse.csr_matrix(matrix), show_progress=False)
    items = np.ascontiguousarray(model.item_factors, np.float32)
    gram = (items.T @ items).astype(np.float64) + _ALS_REGULARIZATION * np.eye(factors)
    return FoldIn(items, gram, alpha)


def _one_blas_thread() -> Any:
    """As `implicit` recommends; the library must be loaded first, so that its own BLAS is limited too."""
    _library("implicit.als")
    return _library("threadpoolctl").threadpool_limits(1, "blas")


def _library(name: str) -> Any:
    """Import a library that only these baselines need; raises HybridRecsError without it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        library = name.split(".")[0]
        message = f"this baseline needs {library}; remedy: pip install 'hybrid-recs[benchmark]'"
        raise HybridRecsError(message) from error
