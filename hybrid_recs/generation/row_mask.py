"""Which rows may be recommended, after filters and without hidden items, as a mask."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from hybrid_recs.types import Rows

# The stubs of FAISS lack what SWIG creates at run time.
_faiss: Any = faiss


@dataclass(frozen=True, eq=False)
class RowMask:
    """`mask[row]`: whether the row may be recommended. Immutable.

    FAISS tests it during the search, so that a list is not short while eligible items are left.
    """

    mask: NDArray[np.bool_]

    @classmethod
    def all_but(cls, rows: frozenset[int], n: int) -> "RowMask | None":
        """All of n rows except the given ones; None if none are given."""
        if not rows:
            return None
        mask = np.ones(n, bool)
        mask[np.fromiter(rows, np.int64, len(rows))] = False
        return cls(mask)

    @classmethod
    def only(cls, rows: Rows, n: int) -> "RowMask":
        """Only the given ones of n rows."""
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
        """The number of eligible rows."""
        return int(self.mask.sum())

    @cached_property
    def rows(self) -> Rows:
        """The eligible rows, ascending."""
        return np.flatnonzero(self.mask)

    @cached_property
    def selector(self) -> Any:
        """For FAISS; this object must outlive the search."""
        return _faiss.IDSelectorBitmap(self._bits)

    @cached_property
    def _bits(self) -> NDArray[np.uint8]:
        return np.packbits(self.mask, bitorder="little")
