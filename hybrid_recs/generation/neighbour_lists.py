"""The precomputed neighbour lists of a generation on disk; Redis is a cache of them."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.generation.arrays import open_array, save_array
from hybrid_recs.generation.neighbour_codec import decode_neighbours, encode_neighbours
from hybrid_recs.types import Neighbours, Rows


class NeighbourLists:
    """Encoded lists of the hot rows, memory-mapped; `rows` is ascending."""

    def __init__(self, rows: NDArray[np.uint32], blob: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        self.rows = rows
        # A memoryview: NumPy would make a 64-bit copy of all rows to look up one Python integer.
        self._sorted_rows = rows.data
        self._blob = blob
        self._offsets = offsets

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, row: int) -> bool:
        return self._position(row) is not None

    def encoded(self, row: int) -> bytes | None:
        """The encoded list of a row, or None when the row is not hot."""
        position = self._position(row)
        return None if position is None else self._at(position)

    def items(self) -> Iterator[tuple[int, bytes]]:
        """Every hot row with its encoded list."""
        for position, row in enumerate(self.rows):
            yield int(row), self._at(position)

    def _at(self, position: int) -> bytes:
        return self._blob[self._offsets[position] : self._offsets[position + 1]].tobytes()

    def _position(self, row: int) -> int | None:
        # Rows begin with the most popular items, which are the hot ones: nearly always the row is its own
        # position.
        if row < len(self._sorted_rows) and self._sorted_rows[row] == row:
            return row
        position = bisect_left(self._sorted_rows, row)
        return position if position < len(self._sorted_rows) and self._sorted_rows[position] == row else None

    @staticmethod
    def write(folder: Path, rows: Rows, lists: Iterable[Neighbours]) -> None:
        """Write the lists of `rows` (ascending), in the same order."""
        encoded = [encode_neighbours(neighbours) for neighbours in lists]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(text) for text in encoded], out=offsets[1:])
        save_array(folder / "hot_rows.npy", rows.astype(np.uint32))
        save_array(folder / "hot_lists.npy", np.frombuffer(b"".join(encoded), np.uint8))
        save_array(folder / "hot_offsets.npy", offsets)

    @classmethod
    def open(cls, folder: Path) -> "NeighbourLists":
        """Map what `write` wrote."""
        return cls(
            open_array(folder / "hot_rows.npy"),
            open_array(folder / "hot_lists.npy"),
            open_array(folder / "hot_offsets.npy"),
        )

    def neighbours(self, row: int) -> Neighbours | None:
        """The decoded list of a row, or None when the row is not hot."""
        encoded = self.encoded(row)
        return None if encoded is None else decode_neighbours(encoded)
