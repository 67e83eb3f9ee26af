"""Well-known ways to recommend that learn no vectors, and the ranking that all baselines share."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hybrid_recs.offline.data.encoding import EncodedData
from hybrid_recs.offline.evaluation.method import Kind
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
    at = len(scores) - k
    bound = scores[np.argpartition(scores, at)[at]]
    better = np.flatnonzero(scores > bound)
    better = better[np.argsort(-scores[better], kind="stable")]
    level = np.flatnonzero(scores == bound)[: k - len(better)]
    best = np.concatenate((better, level)).astype(np.int64)
    return best[scores[best] > above]


def known_rows(rows: Rows, n: int) -> Rows:
    """Those of the rows that the method learned about, in order."""
    known: Rows = rows[rows < n]
    return known


def decayed(rows: Rows) -> tuple[Rows, Floats]:
    """Distinct rows, most recent first, and the weight 1 / (1 + 0.5 a) of the a-th; `rows` oldest first."""
    _, first = np.unique(rows[::-1], return_index=True)
    recent = rows[::-1][np.sort(first)]
    return recent, (1 / (1 + _DECAY * np.arange(len(recent)))).astype(np.float32)


def by_cosine(unit: Floats, row: int, k: int) -> Rows:
    """By cosine with one row of `unit` (n × f, rows of length 1), itself left out."""
    if row >= len(unit):
        return _NOTHING
    return top_rows(unit @ unit[row], k, masked=np.array([row]))


def by_session(unit: Floats, rows: Rows, k: int) -> Rows:
    """By cosine with the sum of unit vectors (n × f), the a-th most recent weighted 1 / (1 + 0.5 a)."""
    recent, weights = decayed(known_rows(rows, len(unit)))
    return top_rows(unit @ (weights @ unit[recent]), k)


@dataclass(frozen=True, slots=True)
class Popular:
    """The items with the most users, whatever was asked for; `order`: all rows, best first."""

    order: Rows
    name = "most popular"
    kind = Kind.BASELINE

    @classmethod
    def fit(cls, data: EncodedData) -> "Popular":
        """Count the users of every item that has a vector."""
        return cls(np.argsort(-data.degrees, kind="stable").astype(np.int64))

    def from_item(self, row: int, k: int) -> Rows:
        """All but the item."""
        return self._without(np.array([row]), k)

    def from_session(self, rows: Rows, k: int) -> Rows:  # noqa: ARG002
        """All of them."""
        return self.order[:k]

    def from_user(self, rows: Rows, k: int) -> Rows:
        """All but the history."""
        return self._without(rows, k)

    def _without(self, rows: Rows, k: int) -> Rows:
        start = self.order[: k + len(rows)]
        return start[~np.isin(start, rows)][:k]


@dataclass(frozen=True, slots=True)
class ItemKnn:
    """The items bought by the same users: cosine between columns of the users × items matrix.

    Sarwar, Karypis, Konstan, Riedl, "Item-based collaborative filtering recommendation algorithms",
    WWW 2001. The neighbours of row i, best first: `rows` and `cosines` from `starts[i]` to `starts[i + 1]`.
    """

    starts: Rows
    rows: Rows
    cosines: Floats
    name = "item-KNN cosine"
    kind = Kind.BASELINE

    @classmethod
    def fit(
        cls, data: EncodedData, neighbours: int = NEIGHBOURS, cells_at_once: int = _CELLS_AT_ONCE
    ) -> "ItemKnn":
        """Keep the best `neighbours` of every row; a few million cosines at a time are held."""
        unit = data.matrix.copy()
        unit.data = (unit.data / np.sqrt(data.degrees[unit.indices])).astype(np.float32)
        by_item = unit.T.tocsr()
        found: list[tuple[Rows, Floats]] = []
        for start, end in _blocks(data.matrix, cells_at_once):
            block = (by_item[start:end] @ unit).tocsr()
            for row in range(start, end):
                part = slice(block.indptr[row - start], block.indptr[row - start + 1])
                found.append(_nearest(block.indices[part], block.data[part], row, neighbours))
        return cls(
            starts=np.cumsum([0, *(len(rows) for rows, _ in found)]),
            rows=np.concatenate([rows for rows, _ in found] or [_NOTHING]),
            cosines=np.concatenate([cosines for _, cosines in found] or [np.empty(0, np.float32)]),
        )

    def from_item(self, row: int, k: int) -> Rows:
        """The neighbours of the item."""
        if row >= len(self.starts) - 1:
            return _NOTHING
        start, end = self.starts[row], self.starts[row + 1]
        return self.rows[start:end][:k]

    def from_session(self, rows: Rows, k: int) -> Rows:
        """Neighbours of the session's items, recent ones counting more, and these items themselves."""
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
        at = spans(starts, lengths)
        parts = self.cosines[at] * np.repeat(weights, lengths)
        return np.bincount(self.rows[at], parts, minlength=n).astype(np.float32)


def spans(starts: Rows, lengths: Rows) -> Rows:
    """The numbers start, start + 1, … (length of them) of every span, one span after the other."""
    before = np.cumsum(lengths) - lengths
    every: Rows = np.arange(int(lengths.sum()), dtype=np.int64) + np.repeat(starts - before, lengths)
    return every


def _blocks(matrix: "Csr[np.float32]", cells_at_once: int) -> Iterator[tuple[int, int]]:
    """Ranges of items whose co-occurrences are a few million cells at most (or one item)."""
    n = matrix.shape[1]
    cells = np.minimum(matrix.T @ np.asarray(matrix.sum(axis=1), np.float64), n)
    held = np.cumsum(cells)
    start = 0
    while start < n:
        before = held[start - 1] if start else 0.0
        end = max(int(np.searchsorted(held, before + cells_at_once, "right")), start + 1)
        yield start, end
        start = end


def _nearest(rows: NDArray[np.int32], cosines: Floats, row: int, k: int) -> tuple[Rows, Floats]:
    """The k best of a row's co-occurring items, itself left out; ties to the lower row."""
    other = rows != row
    rows, cosines = rows[other], cosines[other]
    if len(rows) > k:
        bound = np.partition(cosines, len(rows) - k)[len(rows) - k]
        rows, cosines = rows[cosines >= bound], cosines[cosines >= bound]
    order = np.lexsort((rows, -cosines))[:k]
    return rows[order].astype(np.int64), cosines[order]
