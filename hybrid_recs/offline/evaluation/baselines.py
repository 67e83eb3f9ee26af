"""Well-known methods without learned vectors, and the ranking that all baselines share."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hybrid_recs.offline.data.encoding import EncodedData
from hybrid_recs.offline.evaluation.method import MethodKind
from hybrid_recs.types import Floats, Rows

NEIGHBOURS = 100
_DECAY = 0.5
_CELLS_AT_ONCE = 4_000_000
_NOTHING: Rows = np.empty(0, np.int64)

Csr = sparse.csr_array


def top_rows(scores: Floats, k: int, masked: Rows = _NOTHING, above: float = -np.inf) -> Rows:
    """The rows of the k highest scores (n) above a bound, best first; ties to the lower row."""
    scores = scores.copy()
    scores[masked] = -np.inf
    k = min(k, len(scores))
    if k < 1:
        return _NOTHING
    position = len(scores) - k
    bound = scores[np.argpartition(scores, position)[position]]
    better = np.flatnonzero(scores > bound)
    better = better[np.argsort(-scores[better], kind="stable")]
    tied = np.flatnonzero(scores == bound)[: k - len(better)]
    best = np.concatenate((better, tied)).astype(np.int64)
    return best[scores[best] > above]


def known_rows(rows: Rows, n: int) -> Rows:
    """The rows that the method has learned, in order."""
    known: Rows = rows[rows < n]
    return known


def decayed(rows: Rows) -> tuple[Rows, Floats]:
    """Distinct rows, most recent first, and the weight 1 / (1 + 0.5 a) of the a-th; `rows` oldest first."""
    _, first = np.unique(rows[::-1], return_index=True)
    recent = rows[::-1][np.sort(first)]
    return recent, (1 / (1 + _DECAY * np.arange(len(recent)))).astype(np.float32)


def rank_by_cosine(unit: Floats, row: int, k: int) -> Rows:
    """By cosine with one row of `unit` (n × f, rows of length 1), without itself."""
    if row >= len(unit):
        return _NOTHING
    return top_rows(unit @ unit[row], k, masked=np.array([row]))


def rank_by_session(unit: Floats, rows: Rows, k: int) -> Rows:
    """By cosine with the sum of unit vectors (n × f), the a-th most recent weighted 1 / (1 + 0.5 a)."""
    recent, weights = decayed(known_rows(rows, len(unit)))
    return top_rows(unit @ (weights @ unit[recent]), k)


@dataclass(frozen=True, slots=True)
class Popular:
    """The items with the most users, for every query; `order`: all rows, best first."""

    order: Rows
    name = "most popular"
    kind = MethodKind.BASELINE

    @classmethod
    def fit(cls, data: EncodedData) -> "Popular":
        """Sort the items that have a vector by their number of users."""
        return cls(np.argsort(-data.degrees, kind="stable").astype(np.int64))

    def from_item(self, row: int, k: int) -> Rows:
        return self._without(np.array([row]), k)

    def from_session(self, rows: Rows, k: int) -> Rows:  # noqa: ARG002
        return self.order[:k]

    def from_user(self, rows: Rows, k: int) -> Rows:
        return self._without(rows, k)

    def _without(self, rows: Rows, k: int) -> Rows:
        head = self.order[: k + len(rows)]
        return head[~np.isin(head, rows)][:k]


@dataclass(frozen=True, slots=True)
class ItemKnn:
    """Items with the same users: cosine between columns of the users × items matrix.

    Sarwar, Karypis, Konstan, Riedl, "Item-based collaborative filtering recommendation algorithms",
    WWW 2001. The neighbours of row i, best first: `rows` and `cosines` from `starts[i]` to `starts[i + 1]`.
    """

    starts: Rows
    rows: Rows
    cosines: Floats
    name = "item-KNN cosine"
    kind = MethodKind.BASELINE

    @classmethod
    def fit(
        cls, data: EncodedData, neighbours: int = NEIGHBOURS, cells_at_once: int = _CELLS_AT_ONCE
    ) -> "ItemKnn":
        """Keep the best `neighbours` of every row; a few million cosines are in memory at a time."""
        unit = data.matrix.copy()
        unit.data = (unit.data / np.sqrt(data.degrees[unit.indices])).astype(np.float32)
        by_item = unit.T.tocsr()
        nearest: list[tuple[Rows, Floats]] = []
        for start, end in _blocks(data.matrix, cells_at_once):
            block = (by_item[start:end] @ unit).tocsr()
            for row in range(start, end):
                part = slice(block.indptr[row - start], block.indptr[row - start + 1])
                nearest.append(_nearest(block.indices[part], block.data[part], row, neighbours))
        return cls(
            starts=np.cumsum([0, *(len(rows) for rows, _ in nearest)]),
            rows=np.concatenate([rows for rows, _ in nearest] or [_NOTHING]),
            cosines=np.concatenate([cosines for _, cosines in nearest] or [np.empty(0, np.float32)]),
        )

    def from_item(self, row: int, k: int) -> Rows:
        if row >= len(self.starts) - 1:
            return _NOTHING
        start, end = self.starts[row], self.starts[row + 1]
        return self.rows[start:end][:k]

    def from_session(self, rows: Rows, k: int) -> Rows:
        """Neighbours of the session's items, with more weight for recent ones, and these items themselves."""
        recent, weights = decayed(known_rows(rows, len(self.starts) - 1))
        scores = self._sum(recent, weights)
        scores[recent] += weights
        return top_rows(scores, k, above=0)

    def from_user(self, rows: Rows, k: int) -> Rows:
        """By the sum of cosines with the history."""
        history = np.unique(known_rows(rows, len(self.starts) - 1))
        scores = self._sum(history, np.ones(len(history), np.float32))
        return top_rows(scores, k, masked=history, above=0)

    def _sum(self, rows: Rows, weights: Floats) -> Floats:
        """Σ weight · cosine over the neighbours of `rows`, for every row (n)."""
        starts, n = self.starts[rows], len(self.starts) - 1
        lengths = self.starts[rows + 1] - starts
        indices = spans(starts, lengths)
        parts = self.cosines[indices] * np.repeat(weights, lengths)
        return np.bincount(self.rows[indices], parts, minlength=n).astype(np.float32)


def spans(starts: Rows, lengths: Rows) -> Rows:
    """The indices start … start + length - 1 of every span, concatenated."""
    before = np.cumsum(lengths) - lengths
    indices: Rows = np.arange(int(lengths.sum()), dtype=np.int64) + np.repeat(starts - before, lengths)
    return indices


def _blocks(matrix: "Csr[np.float32]", cells_at_once: int) -> Iterator[tuple[int, int]]:
    """Ranges of items with at most `cells_at_once` co-occurrences together, or of one item."""
    n = matrix.shape[1]
    cells = np.minimum(matrix.T @ np.asarray(matrix.sum(axis=1), np.float64), n)
    cumulated = np.cumsum(cells)
    start = 0
    while start < n:
        before = cumulated[start - 1] if start else 0.0
        end = max(int(np.searchsorted(cumulated, before + cells_at_once, "right")), start + 1)
        yield start, end
        start = end


def _nearest(rows: NDArray[np.int32], cosines: Floats, row: int, k: int) -> tuple[Rows, Floats]:
    """The k best of a row's co-occurring items, without itself; ties to the lower row."""
    other = rows != row
    rows, cosines = rows[other], cosines[other]
    if len(rows) > k:
        bound = np.partition(cosines, len(rows) - k)[len(rows) - k]
        rows, cosines = rows[cosines >= bound], cosines[cosines >= bound]
    order = np.lexsort((rows, -cosines))[:k]
    return rows[order].astype(np.int64), cosines[order]
