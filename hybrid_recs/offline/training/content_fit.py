"""Fits the content encoder: ridge regression from TF-IDF features to learned unit vectors.

    minimise over B (f × d)   Σ_i w_i |x_i B - V_i|² + λ |B|²

x_i are the TF-IDF features of item i, scaled to length 1, and w_i = u / (u + 5) of an item with u users: the
vector of an item that few have met is mostly chance. λ is chosen by hiding items. Solved by conjugate
gradients (Hestenes and Stiefel, 1952), which need X only in products.
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
# Pieces of words are ten times as many as words, and would outweigh them.
_PIECE_WEIGHT = 0.5
_HALF_KNOWN = 5.0
_MIN_ITEMS = 20
# λ is chosen, and the encoder measured, on fewer items and, for λ, on fewer (random) directions.
_MAX_CHOSEN_ON, _DIRECTIONS = 20_000, 32
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
        """TF-IDF (items × features), rows of length 1, or 0 where nothing is known."""
        said = np.concatenate([*bags, self.hashes[:0]])
        owner = np.repeat(np.arange(len(bags)), [len(bag) for bag in bags])
        at = np.minimum(self.hashes.searchsorted(said), len(self.hashes) - 1)
        known = self.hashes[at] == said
        owner, at = owner[known], at[known]
        values = self.weights[at]
        lengths = np.sqrt(np.bincount(owner, np.square(values, dtype=np.float64), minlength=len(bags)))
        values = (values / lengths[owner]).astype(np.float32)
        return Csr(
            (values, (owner.astype(np.int32), at.astype(np.int32))), shape=(len(bags), len(self.hashes))
        )


def known_features(bags: Sequence[Hashes], most: int = MAX_FEATURES) -> Features:
    """The `most` most frequent features of those that at least two items have, but not all.

    What every item has tells none from another: its weight, log(items / items with it), is 0.
    """
    hashes, counts = np.unique(np.concatenate([*bags, np.empty(0, np.uint32)]), return_counts=True)
    kept = np.flatnonzero((counts > 1) & (counts < len(bags)))
    kept = np.sort(kept[np.argsort(-counts[kept], kind="stable")[:most]])
    weights = np.log(len(bags) / counts[kept]) * np.where(hashes[kept] & 1, _PIECE_WEIGHT, 1.0)
    return Features(hashes[kept], weights.astype(np.float32))


def fit_encoder(
    items: Sequence[Description],
    vectors: Floats,
    degrees: Floats,
    seed: int,
    on_progress: ProgressCallback = no_progress,
) -> tuple[ContentEncoder, ContentInfo] | None:
    """The encoder and what hiding items says of it; None when what is written says nothing of the vectors:
    when it places hidden items no better, by two standard errors, than the mean of all vectors does.

    items (n), unit vectors (n × d) and users of each item (n), from most to least popular: of more than
    100,000 the first are fitted to. The same input gives the same bits on one machine.
    """
    items = items[:MAX_ITEMS]
    bags = [_bag(item) for item in items]
    written = np.flatnonzero([len(bag) > 0 for bag in bags])
    if len(written) < _MIN_ITEMS:
        return None
    features = known_features([bags[row] for row in written])
    if not len(features.hashes):
        return None
    matrix = features.matrix([bags[row] for row in written])
    del bags
    targets, weights = vectors[written], degrees[written] / (degrees[written] + np.float32(_HALF_KNOWN))
    trial = _Trial.of(matrix, targets, weights, seed)
    regulariser = trial.choose(on_progress)
    start, cosines = trial.fit(regulariser)
    on_progress(1)
    gains = cosines - trial.cosines_of_mean()
    if not gains.mean() > 2 * gains.std() / np.sqrt(len(gains)):
        return None
    found = ridge(matrix, targets, weights, regulariser, start)
    on_progress(1)
    directions = features.weights[:, np.newaxis] * found
    directions /= np.abs(directions).max()
    info = ContentInfo(
        features=len(features.hashes),
        regulariser=regulariser,
        items=len(written),
        hidden=len(trial.hidden),
        cosine=round(float(cosines.mean()), 5),
        recall=round(trial.recall(start), 5),
    )
    return ContentEncoder(features.hashes, directions.astype(np.float16)), info


def _bag(item: Description) -> Hashes:
    said = content_features(*item)
    return np.sort(np.fromiter(said, np.uint32, len(said)))


@dataclass(frozen=True, slots=True)
class _Trial:
    """Some of the items: features, unit vectors and weights; which are hidden and which are fitted to."""

    matrix: "Csr[np.float32]"
    targets: Floats
    weights: Floats
    hidden: Rows
    shown: Rows
    seed: int

    @classmethod
    def of(cls, matrix: "Csr[np.float32]", targets: Floats, weights: Floats, seed: int) -> "_Trial":
        """Hide a tenth, at most 1,000, of at most 20,000 items drawn at random."""
        drawn = np.random.default_rng(seed).permutation(matrix.shape[0])[:_MAX_CHOSEN_ON]
        count = min(max(1, int(_HIDDEN_SHARE * len(drawn))), _MAX_HIDDEN)
        return cls(matrix, targets, weights, np.sort(drawn[:count]), np.sort(drawn[count:]), seed)

    def choose(self, on_progress: ProgressCallback) -> float:
        """The λ with the highest cosine of hidden items, weighted as in the fit; from strong to weak, each
        fit beginning with the one before."""
        d = self.targets.shape[1]
        targets = self.targets
        if d > _DIRECTIONS:
            drawn = np.random.default_rng(self.seed).standard_normal((d, _DIRECTIONS), np.float32)
            targets = unit_rows(targets @ drawn)
        start, means = None, []
        for regulariser in REGULARISERS:
            start = self._ridge(targets, regulariser, start)
            cosines = self._cosines(start, targets)
            means.append(float(np.average(cosines, weights=self.weights[self.hidden])))
            on_progress(1)
        return REGULARISERS[int(np.argmax(means))]

    def fit(self, regulariser: float) -> tuple[Floats, Floats]:
        """What the items that are shown teach, and the cosine of each hidden one."""
        found = self._ridge(self.targets, regulariser, None)
        return found, self._cosines(found, self.targets)

    def cosines_of_mean(self) -> Floats:
        """Of each hidden vector with the mean of those shown: what is foreseen without reading a word."""
        mean = np.average(self.targets[self.shown], axis=0, weights=self.weights[self.shown])
        return np.asarray(self.targets[self.hidden] @ unit_rows(mean[np.newaxis])[0])

    def recall(self, found: Floats) -> float:
        """Of the 20 items nearest to a hidden item's learned vector, the share that is among the 20 nearest
        to its content vector; hidden items left out of both."""
        others = ExactIndex(np.ascontiguousarray(self.targets[self.shown]))
        placed = unit_rows(self.matrix[self.hidden] @ found)
        wanted = others.search_many(np.ascontiguousarray(self.targets[self.hidden]), NEIGHBOURS)
        got = others.search_many(placed, NEIGHBOURS)
        return float(np.mean([len(np.intersect1d(a, b)) / len(a) for a, b in zip(wanted, got, strict=True)]))

    def _ridge(self, targets: Floats, regulariser: float, start: Floats | None) -> Floats:
        shown = self.shown
        return ridge(self.matrix[shown], targets[shown], self.weights[shown], regulariser, start)

    def _cosines(self, found: Floats, targets: Floats) -> Floats:
        placed = unit_rows(self.matrix[self.hidden] @ found)
        return np.asarray(np.einsum("ij,ij->i", placed, targets[self.hidden]))


def ridge(
    matrix: "Csr[np.float32]",
    targets: Floats,
    weights: Floats,
    regulariser: float,
    start: Floats | None = None,
    tolerance: float = _TOLERANCE,
) -> Floats:
    """B (f × d) of the formula above for X (n × f), V (n × d), w (n) and λ.

    tolerance: how long the remainder of the normal equations may be, in lengths of their right-hand side.
    """
    root = np.sqrt(weights)[:, np.newaxis]
    x = Csr(matrix.multiply(root))
    transposed = Csr(x.T)
    found = np.empty((matrix.shape[1], targets.shape[1]), np.float32)

    def solve(part: Rows) -> None:
        columns = slice(part[0], part[-1] + 1)
        right = transposed @ np.ascontiguousarray(root * targets[:, columns])
        begin = np.zeros_like(right) if start is None else np.ascontiguousarray(start[:, columns])
        found[:, columns] = _conjugate_gradients(x, transposed, right, begin, regulariser, tolerance)

    blocks = np.array_split(np.arange(targets.shape[1]), -(-targets.shape[1] // _COLUMNS))
    # SciPy's sparse products run on one core and release the GIL.
    with ThreadPoolExecutor(cpu_count()) as pool:
        list(pool.map(solve, blocks))
    return found


def _conjugate_gradients(
    x: "Csr[np.float32]",
    transposed: "Csr[np.float32]",
    right: Floats,
    found: Floats,
    regulariser: float,
    tolerance: float,
) -> Floats:
    """Solves (XᵀX + λ) B = right for a block of columns, each with step lengths of its own."""
    tiny = np.finfo(np.float32).tiny

    def normal(block: Floats) -> Floats:
        product: Floats = transposed @ (x @ block)
        product += np.float32(regulariser) * block
        return product

    left = right - normal(found)
    direction = left.copy()
    squares = np.einsum("ij,ij->j", left, left)
    enough = tolerance**2 * np.einsum("ij,ij->j", right, right)
    for _ in range(_MAX_STEPS):
        if np.all(squares <= enough):
            break
        image = normal(direction)
        step = squares / np.maximum(np.einsum("ij,ij->j", direction, image), tiny)
        found += step * direction
        left -= step * image
        before, squares = squares, np.einsum("ij,ij->j", left, left)
        direction *= squares / np.maximum(before, tiny)
        direction += left
    return found
