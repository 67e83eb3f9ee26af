"""Category name -> rows, memory-mapped: the inverse of the catalogue's row -> categories."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.generation.arrays import StringTable, open_array, save_array
from hybrid_recs.generation.row_mask import RowMask
from hybrid_recs.types import Rows


@dataclass(frozen=True, slots=True)
class CategoryFilter:
    """Matches items in any of `any_of` (unless that is empty), in every one of `all_of`, and in none of
    `none_of`. Case is ignored."""

    any_of: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.any_of or self.all_of or self.none_of)

    def matches(self, categories: Sequence[str]) -> bool:
        """Whether an item with these categories matches."""
        names = frozenset(map(str.casefold, categories))
        return (
            (not self.any_of or not names.isdisjoint(map(str.casefold, self.any_of)))
            and names.issuperset(map(str.casefold, self.all_of))
            and names.isdisjoint(map(str.casefold, self.none_of))
        )

    @property
    def exclusions_only(self) -> "CategoryFilter":
        """The filter without `any_of` and `all_of`."""
        return CategoryFilter(none_of=self.none_of)


class CategoryIndex:
    """The rows of each category, ascending, by its case-folded name."""

    def __init__(self, folder: Path) -> None:
        self._names = StringTable.open(folder, "category_names")
        self._starts: NDArray[np.int64] = open_array(folder / "category_starts.npy")
        self._rows: NDArray[np.uint32] = open_array(folder / "category_rows.npy")

    def __len__(self) -> int:
        return len(self._names)

    def rows(self, name: str) -> Rows:
        """The rows of a category; empty for a category that no item has."""
        position = self._position(name.casefold().encode("utf-8", "surrogatepass"))
        if position is None:
            return np.empty(0, np.int64)
        return self._rows[self._starts[position] : self._starts[position + 1]].astype(np.int64)

    def eligible(self, category_filter: CategoryFilter, n: int) -> RowMask:
        """Which of n rows match the filter; rows beyond the catalogue's have no categories here."""
        mask = np.full(n, not category_filter.any_of)
        for name in category_filter.any_of:
            mask[self.rows(name)] = True
        for name in category_filter.all_of:
            mask &= RowMask.only(self.rows(name), n).mask
        for name in category_filter.none_of:
            mask[self.rows(name)] = False
        return RowMask(mask)

    def _position(self, encoded: bytes) -> int | None:
        low, high = 0, len(self._names)
        while low < high:
            middle = (low + high) // 2
            if self._names.raw(middle) < encoded:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self._names) and self._names.raw(low) == encoded else None


def write_category_index(folder: Path, categories: Sequence[Sequence[str]]) -> None:
    """Write the index; categories: of each row, in row order."""
    lengths = np.fromiter(map(len, categories), np.int64, len(categories))
    folded = {name: name.casefold() for of_item in categories for name in of_item}
    names = sorted(set(folded.values()), key=str.encode)
    codes = {name: code for code, name in enumerate(names)}
    code_of_each = (codes[folded[name]] for of_item in categories for name in of_item)
    code = np.fromiter(code_of_each, np.int64, int(lengths.sum()))
    rows = np.repeat(np.arange(len(categories)), lengths)
    StringTable.write(folder, "category_names", names)
    starts = np.zeros(len(names) + 1, np.int64)
    np.cumsum(np.bincount(code, minlength=len(names)), out=starts[1:])
    save_array(folder / "category_starts.npy", starts)
    save_array(folder / "category_rows.npy", rows[np.argsort(code, kind="stable")].astype(np.uint32))
