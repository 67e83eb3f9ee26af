"""Fits the content encoder: ridge regression from TF-IDF features to learned unit vectors.

    minimise over B (f × d)   Σ_i w_i |x_i B - V_i|² + λ |B|²

x_i are the TF-IDF features of item i, scaled to length 1, V_i is its learned vector, and w_i = u / (u + 5)
for an item with u users, because a vector learned from few users is mostly noise. λ is chosen on hidden
items. Solved by conjugate gradients (Hestenes and Stiefel, 1952), which need X only in products.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count

import numpy as np
from scipy import sparse

from hybrid_recs.generation.content_encoder import ContentEncoder, Description, Hashes, content_features
from hybrid_recs.generation.manifest import ContentInfo
from hybrid_recs.generation.vector_index import ExactIndex
from hybrid_recs.offline.training.embeddings import unit_rows
from hybrid_recs.types import Floats, ProgressCallback, Rows, no_progress

REGULARISERS = (10.0, 3.0, 1.0, 0.3)
ROUNDS = len(REGULARISERS) + 2
MAX_ITEMS, MAX_FEATURES = 100_000, 32_768
NEIGHBOURS = 20
# There are ten times as many pieces of words as words; without this weight they would dominate.
_PIECE_WEIGHT = 0.5
_HALF_WEIGHT_USERS = 5.0
_MIN_ITEMS = 20
# λ is chosen, and the encoder measured, on a sample of the items; λ also on fewer, random directions.
_MAX_TRIAL_ITEMS, _DIRECTIONS = 20_000, 32
_HIDDEN_SHARE, _MAX_HIDDEN = 0.1, 1_000
_TOLERANCE, _MAX_STEPS = 0.03, 60
_COLUMNS = 32

Csr = sparse.csr_array


@dataclass(frozen=True, slots=True)
class Features:
    """The known features by hash, ascending, and the inverse document frequency (weight) of each."""

    hashes: Hashes
    weights: Floats

    def matrix(self, bags: Sequence[Hashes]) -> "Csr[np.float32]":
        """TF-IDF (items × features); rows of length 1, or 0 without a known feature."""
        hashes = np.concatenate([*bags, self.hashes[:0]])
        items = np.repeat(np.arange(len(bags)), [len(bag) for bag in bags])
        columns = np.minimum(self.hashes.searchsorted(hashes), len(self.hashes) - 1)
        known = self.hashes[columns] == hashes
        items, columns = items[known], columns[known]
        values = self.weights[columns]
        lengths = np.sqrt(np.bincount(items, np.square(values, dtype=np.float64), minlength=len(bags)))
        values = (values / lengths[items]).astype(np.float32)
        return Csr(
            (values, (items.astype(np.int32), columns.astype(np.int32))), shape=(len(bags), len(self.hashes))
        )


def known_features(bags: Sequence[Hashes], limit: int = MAX_FEATURES) -> Features:
    """The `limit` most frequent features among those of at least two items, but not of all.

    A feature of all items distinguishes none: its weight, log(items / items with it), is 0.
    """
    hashes, counts = np.unique(np.concatenate([*bags, np.empty(0, np.uint32)]), return_counts=True)
    kept = np.flatnonzero((counts > 1) & (counts < len(bags)))
    kept = np.sort(kept[np.argsort(-counts[kept], kind="stable")[:limit]])
    weights = np.log(len(bags) / counts[kept]) * np.where(hashes[kept] & 1, _PIECE_WEIGHT, 1.0)
    return Features(hashes[kept], weights.astype(np.float32))


def fit_encoder(
    items: Sequence[Description],
    vectors: Floats,
    degrees: Floats,
    seed: int,
    on_progress: ProgressCallback = no_progress,
) -> tuple[ContentEncoder, ContentInfo] | None:
    """The encoder and its figures on hidden items; None when metadata does not predict the vectors: when the
    encoder's vectors of hidden items are not better, by two standard errors, than the mean of all vectors.

    items (n), unit vectors (n × d) and users of each item (n), from most to least popular; only the first
    100,000 are used. The same input gives the same bits on one machine.
    """
    items = items[:MAX_ITEMS]
    bags = [_bag(item) for item in items]
    with_text = np.flatnonzero([len(bag) > 0 for bag in bags])
    if len(with_text) < _MIN_ITEMS:
        return None
    features = known_features([bags[row] for row in with_text])
    if not len(features.hashes):
        return None
    matrix = features.matrix([bags[row] for row in with_text])
    del bags
    targets, weights = (
        vectors[with_text],
        degrees[with_text] / (degrees[with_text] + np.float32(_HALF_WEIGHT_USERS)),
    )
    trial = _Trial.drawn(matrix, targets, weights, seed)
    regulariser = trial.best_regulariser(on_progress)
    start, cosines = trial.fit(regulariser)
    on_progress(1)
    gains = cosines - trial.cosines_of_mean()
    if not gains.mean() > 2 * gains.std() / np.sqrt(len(gains)):
        return None
    coefficients = ridge(matrix, targets, weights, regulariser, start)
    on_progress(1)
    directions = features.weights[:, np.newaxis] * coefficients
    directions /= np.abs(directions).max()
    info = ContentInfo(
        features=len(features.hashes),
        regulariser=regulariser,
        items=len(with_text),
        hidden=len(trial.hidden),
        cosine=round(float(cosines.mean()), 5),
        recall=round(trial.recall(start), 5),
    )
    return ContentEncoder(features.hashes, directions.astype(np.float16)), info


def _bag(item: Description) -> Hashes:
    features = content_features(*item)
    return np.sort(np.fromiter(features, np.uint32, len(features)))


@dataclass(frozen=True, slots=True)
class _Trial:
    """A sample of the items: features, unit vectors and weights; the hidden ones and the ones fitted to."""

    matrix: "Csr[np.float32]"
    targets: Floats
    weights: Floats
    hidden: Rows
    visible: Rows
    seed: int

    @classmethod
    def drawn(cls, matrix: "Csr[np.float32]", targets: Floats, weights: Floats, seed: int) -> "_Trial":
        """Draw at most 20,000 items at random, and hide a tenth of them, at most 1,000."""
        sample = np.random.default_rng(seed).permutation(matrix.shape[0])[:_MAX_TRIAL_ITEMS]
        count = min(max(1, int(_HIDDEN_SHARE * len(sample))), _MAX_HIDDEN)
        return cls(matrix, targets, weights, np.sort(sample[:count]), np.sort(sample[count:]), seed)

    def best_regulariser(self, on_progress: ProgressCallback) -> float:
        """The λ with the highest mean cosine of hidden items, weighted as in the fit.

        Tried from strong to weak; each fit starts from the previous one.
        """
        d = self.targets.shape[1]
        targets = self.targets
        if d > _DIRECTIONS:
            directions = np.random.default_rng(self.seed).standard_normal((d, _DIRECTIONS), np.float32)
            targets = unit_rows(targets @ directions)
        start, means = None, []
        for regulariser in REGULARISERS:
            start = self._ridge(targets, regulariser, start)
            cosines = self._cosines(start, targets)
            means.append(float(np.average(cosines, weights=self.weights[self.hidden])))
            on_progress(1)
        return REGULARISERS[int(np.argmax(means))]

    def fit(self, regulariser: float) -> tuple[Floats, Floats]:
        """B fitted to the visible items, and the cosine of each hidden one."""
        coefficients = self._ridge(self.targets, regulariser, None)
        return coefficients, self._cosines(coefficients, self.targets)

    def cosines_of_mean(self) -> Floats:
        """Of each hidden vector with the mean of the visible ones, a prediction that uses no metadata."""
        mean = np.average(self.targets[self.visible], axis=0, weights=self.weights[self.visible])
        return np.asarray(self.targets[self.hidden] @ unit_rows(mean[np.newaxis])[0])

    def recall(self, coefficients: Floats) -> float:
        """Share of the 20 visible items nearest to a hidden item's learned vector that are also among the 20
        nearest to its content vector."""
        index = ExactIndex(np.ascontiguousarray(self.targets[self.visible]))
        predicted = unit_rows(self.matrix[self.hidden] @ coefficients)
        by_vector = index.search_many(np.ascontiguousarray(self.targets[self.hidden]), NEIGHBOURS)
        by_content = index.search_many(predicted, NEIGHBOURS)
        pairs = zip(by_vector, by_content, strict=True)
        return float(np.mean([len(np.intersect1d(a, b)) / len(a) for a, b in pairs]))

    def _ridge(self, targets: Floats, regulariser: float, start: Floats | None) -> Floats:
        visible = self.visible
        return ridge(self.matrix[visible], targets[visible], self.weights[visible], regulariser, start)

    def _cosines(self, coefficients: Floats, targets: Floats) -> Floats:
        predicted = unit_rows(self.matrix[self.hidden] @ coefficients)
        return np.asarray(np.einsum("ij,ij->i", predicted, targets[self.hidden]))


def ridge(
    matrix: "Csr[np.float32]",
    targets: Floats,
    weights: Floats,
    regulariser: float,
    start: Floats | None = None,
    tolerance: float = _TOLERANCE,
) -> Floats:
    """B (f × d) of the formula above for X (n × f), V (n × d), w (n) and λ.

    tolerance: length of the residual of the normal equations, relative to their right-hand side.
    """
    root = np.sqrt(weights)[:, np.newaxis]
    x = Csr(matrix.multiply(root))
    transposed = Csr(x.T)
    coefficients = np.empty((matrix.shape[1], targets.shape[1]), np.float32)

    def solve(part: Rows) -> None:
        columns = slice(part[0], part[-1] + 1)
        right = transposed @ np.ascontiguousarray(root * targets[:, columns])
        begin = np.zeros_like(right) if start is None else np.ascontiguousarray(start[:, columns])
        coefficients[:, columns] = _conjugate_gradients(x, transposed, right, begin, regulariser, tolerance)

    blocks = np.array_split(np.arange(targets.shape[1]), -(-targets.shape[1] // _COLUMNS))
    # SciPy's sparse products run on one core and release the GIL.
    with ThreadPoolExecutor(cpu_count()) as pool:
        list(pool.map(solve, blocks))
    return coefficients


def _conjugate_gradients(
    x: "Csr[np.float32]",
    transposed: "Csr[np.float32]",
    right: Floats,
    solution: Floats,
    regulariser: float,
    tolerance: float,
) -> Floats:
    """Solves (XᵀX + λ) B = right for a block of columns, each with its own step lengths, from `solution`."""
    tiny = np.finfo(np.float32).tiny

    def normal(block: Floats) -> Floats:
        product: Floats = transposed @ (x @ block)
        product += np.float32(regulariser) * block
        return product

    residual = right - normal(solution)
    direction = residual.copy()
    squares = np.einsum("ij,ij->j", residual, residual)
    enough = tolerance**2 * np.einsum("ij,ij->j", right, right)
    for _ in range(_MAX_STEPS):
        if np.all(squares <= enough):
            break
        image = normal(direction)
        step = squares / np.maximum(np.einsum("ij,ij->j", direction, image), tiny)
        solution += step * direction
        residual -= step * image
        before, squares = squares, np.einsum("ij,ij->j", residual, residual)
        direction *= squares / np.maximum(before, tiny)
        direction += residual
    return solution
