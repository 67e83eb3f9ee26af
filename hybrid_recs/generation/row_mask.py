"""Which rows may be recommended: what is hidden and what a filter leaves, as one bit a row."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from hybrid_recs.types import Rows

# The stubs that come with FAISS leave out what SWIG makes at run time.
_faiss: Any = faiss


@dataclass(frozen=True, eq=False)
class RowMask:
    """`mask[row]` says whether the row may be recommended; never changed once made.

    Tested inside the search, so that a list is not short while there is something left to find.
    """

    mask: NDArray[np.bool_]

    @classmethod
    def all_but(cls, rows: frozenset[int], n: int) -> "RowMask | None":
        """All of n rows but the given ones; None where those are none."""
        if not rows:
            return None
        mask = np.ones(n, bool)
        mask[np.fromiter(rows, np.int64, len(rows))] = False
        return cls(mask)

    @classmethod
    def only(cls, rows: Rows, n: int) -> "RowMask":
        """Of n rows the given ones."""
        mask = np.zeros(n, bool)
        mask[rows] = True
        return cls(mask)

    def __and__(self, other: "RowMask | None") -> "RowMask":
        return self if other is None else RowMask(self.mask & other.mask)

    def __contains__(self, row: int) -> bool:
        return bool(self.mask[row])

    def eligible_among(self, rows: Rows) -> Rows:
        """The eligible among `rows`, in their order."""
        return rows[self.mask[rows]]

    @cached_property
    def count(self) -> int:
        """How many rows are eligible."""
        return int(self.mask.sum())

    @cached_property
    def rows(self) -> Rows:
        """The eligible rows, ascending."""
        return np.flatnonzero(self.mask)

    @cached_property
    def selector(self) -> Any:
        """For FAISS; belongs to this object, which has to outlive the search."""
        return _faiss.IDSelectorBitmap(self._bits)

    @cached_property
    def _bits(self) -> NDArray[np.uint8]:
        return np.packbits(self.mask, bitorder="little")
