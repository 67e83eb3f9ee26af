"""Further variants of the items: ids that share the row of the variant that stands for their product.

A row is learned from the interactions of all variants of a product, and lists hold it once. The catalogue has
the id and the title of the variant that stands for it; those of the others are here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.generation.arrays import StringTable, open_array, save_array
from hybrid_recs.generation.id_index import IdIndex, write_id_index
from hybrid_recs.types import METADATA_FIELDS

_PREFIX = "variant_"
_IDS, _TITLES = f"{_PREFIX}ids", f"{_PREFIX}titles"
_ROWS_FILE, _LISTED_FILE, _HASHES_FILE = (f"{_PREFIX}{name}.npy" for name in ("rows", "listed", "hashes"))


@dataclass(frozen=True, slots=True)
class Variant:
    """What the items table said of one variant; hashes: by field of the metadata, as of `table_values`.

    listed: whether it may be recommended.
    """

    item_id: str
    title: str | None
    row: int
    listed: bool
    hashes: Mapping[str, int]


class Variants:
    """The memory-mapped table of a generation; by row, the most popular variants of a row first."""

    def __init__(self, folder: Path) -> None:
        self._ids = StringTable.open(folder, _IDS)
        self._titles = StringTable.open(folder, _TITLES)
        self.index = IdIndex(folder, self._ids, _PREFIX)
        self.rows: NDArray[np.uint32] = open_array(folder / _ROWS_FILE)
        self._listed = open_array(folder / _LISTED_FILE)
        self._hashes = open_array(folder / _HASHES_FILE)

    @classmethod
    def open(cls, folder: Path) -> "Variants | None":
        """None where no item has further variants."""
        return cls(folder) if (folder / _ROWS_FILE).exists() else None

    def row(self, item_id: str) -> int | None:
        """The row that a variant shares, or None when no variant has that id."""
        place = self.index.position(item_id)
        return None if place is None else int(self.rows[place])

    def get(self, item_id: str) -> Variant | None:
        """The variant of that id, if there is one."""
        place = self.index.position(item_id)
        return None if place is None else self._variant(place)

    def of_row(self, row: int) -> list[Variant]:
        """The further variants of a row, the most popular ones first."""
        first, end = np.searchsorted(self.rows, (row, row + 1))
        return [self._variant(place) for place in range(int(first), int(end))]

    def _variant(self, place: int) -> Variant:
        return Variant(
            item_id=self._ids[place],
            title=self._titles[place] or None,
            row=int(self.rows[place]),
            listed=bool(self._listed[place]),
            hashes=dict(zip(METADATA_FIELDS, self._hashes[place].tolist(), strict=True)),
        )


def write_variants(folder: Path, variants: Sequence[Variant]) -> None:
    """Write the table; nothing without variants. Those of one row are given in order of popularity."""
    if not variants:
        return
    ordered = sorted(variants, key=lambda variant: variant.row)
    ids = [variant.item_id for variant in ordered]
    StringTable.write(folder, _IDS, ids)
    StringTable.write(folder, _TITLES, (variant.title or "" for variant in ordered))
    write_id_index(folder, ids, _PREFIX)
    save_array(folder / _ROWS_FILE, np.array([variant.row for variant in ordered], np.uint32))
    save_array(folder / _LISTED_FILE, np.array([variant.listed for variant in ordered], np.bool_))
    hashes = [[variant.hashes[name] for name in METADATA_FIELDS] for variant in ordered]
    save_array(folder / _HASHES_FILE, np.array(hashes, np.int64))
