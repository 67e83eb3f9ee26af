"""Category name -> rows, mapped: the other way round from the catalogue's row -> categories."""

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
    """Wanted are items in any of `any_of` (unless that is empty), in every one of `all_of`, in none of
    `none_of`. Whether letters are capital makes no difference."""

    any_of: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.any_of or self.all_of or self.none_of)

    def matches(self, categories: Sequence[str]) -> bool:
        """Whether an item of these categories is wanted."""
        having = frozenset(map(str.casefold, categories))
        return (
            (not self.any_of or not having.isdisjoint(map(str.casefold, self.any_of)))
            and having.issuperset(map(str.casefold, self.all_of))
            and having.isdisjoint(map(str.casefold, self.none_of))
        )

    @property
    def exclusions_only(self) -> "CategoryFilter":
        """What it rules out, and nothing of what it asks for."""
        return CategoryFilter(none_of=self.none_of)


class CategoryIndex:
    """Rows of every category by its case-folded name; rows of one category ascend."""

    def __init__(self, folder: Path) -> None:
        self._names = StringTable.open(folder, "category_names")
        self._starts: NDArray[np.int64] = open_array(folder / "category_starts.npy")
        self._rows: NDArray[np.uint32] = open_array(folder / "category_rows.npy")

    def __len__(self) -> int:
        return len(self._names)

    def rows(self, name: str) -> Rows:
        """The rows of a category; none of one that no item has."""
        at = self._position(name.casefold().encode("utf-8", "surrogatepass"))
        if at is None:
            return np.empty(0, np.int64)
        return self._rows[self._starts[at] : self._starts[at + 1]].astype(np.int64)

    def eligible(self, wanted: CategoryFilter, n: int) -> RowMask:
        """Which of n rows, of which those beyond the catalogue's have no category here, fit the filter."""
        mask = np.full(n, not wanted.any_of)
        for name in wanted.any_of:
            mask[self.rows(name)] = True
        for name in wanted.all_of:
            mask &= RowMask.only(self.rows(name), n).mask
        for name in wanted.none_of:
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
    """Write the index of what each row's categories are, in row order."""
    lengths = np.fromiter(map(len, categories), np.int64, len(categories))
    folded = {name: name.casefold() for some in categories for name in some}
    names = sorted(set(folded.values()), key=str.encode)
    codes = {name: code for code, name in enumerate(names)}
    given = (codes[folded[name]] for some in categories for name in some)
    code = np.fromiter(given, np.int64, int(lengths.sum()))
    rows = np.repeat(np.arange(len(categories)), lengths)
    StringTable.write(folder, "category_names", names)
    starts = np.zeros(len(names) + 1, np.int64)
    np.cumsum(np.bincount(code, minlength=len(names)), out=starts[1:])
    save_array(folder / "category_starts.npy", starts)
    save_array(folder / "category_rows.npy", rows[np.argsort(code, kind="stable")].astype(np.uint32))
