"""Sparse co-visit lists R: each row's most co-visited rows and their weights in (0, 1], memory-mapped."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.generation.arrays import open_array, save_array
from hybrid_recs.types import Floats, Rows


class CoVisits:
    """Compressed sparse rows: row r's list is `[indptr[r], indptr[r + 1])` of `rows` and `weights`."""

    def __init__(
        self, indptr: NDArray[np.int64], rows: NDArray[np.uint32], weights: NDArray[np.float32]
    ) -> None:
        self.indptr = indptr
        self.rows = rows
        self.weights = weights

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def neighbours_of(self, row: int) -> tuple[Rows, Floats]:
        """The neighbours of a row, heaviest first, and their weights."""
        start, stop = self.indptr[row], self.indptr[row + 1]
        return self.rows[start:stop].astype(np.int64), self.weights[start:stop]

    def neighbours_of_rows(self, rows: Rows) -> tuple[Rows, Rows, Floats]:
        """`neighbours_of` for several rows (m), concatenated; the first array says to which of the m each
        belongs."""
        if len(rows) == 1:
            neighbours, weights = self.neighbours_of(int(rows[0]))
            return np.zeros(len(neighbours), np.int64), neighbours, weights
        starts = self.indptr[rows]
        lengths = self.indptr[rows + 1] - starts
        owners = np.repeat(np.arange(len(rows)), lengths)
        positions = np.arange(len(owners)) + (starts - (np.cumsum(lengths) - lengths))[owners]
        return owners, self.rows[positions].astype(np.int64), self.weights[positions]

    def save(self, folder: Path) -> None:
        """Write the three arrays."""
        save_array(folder / "covisit_indptr.npy", self.indptr)
        save_array(folder / "covisit_rows.npy", self.rows)
        save_array(folder / "covisit_weights.npy", self.weights)

    @classmethod
    def open(cls, folder: Path) -> "CoVisits":
        """Map what `save` wrote."""
        return cls(
            open_array(folder / "covisit_indptr.npy"),
            open_array(folder / "covisit_rows.npy"),
            open_array(folder / "covisit_weights.npy"),
        )
