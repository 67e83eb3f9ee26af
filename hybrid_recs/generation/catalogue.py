"""Item id <-> row, and the metadata of each item.

Rows are dense. First come the items with a vector from interactions, most popular first, then those with a
vector from their metadata, then those without one, each in the same order: `row < n_vectors` tells whether an
item has a vector.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.generation.arrays import StringTable, open_array, save_array
from hybrid_recs.generation.category_index import CategoryIndex, write_category_index
from hybrid_recs.generation.id_index import IdIndex, write_id_index
from hybrid_recs.generation.id_rules import AS_WRITTEN, IdRules
from hybrid_recs.generation.row_mask import RowMask
from hybrid_recs.generation.title_index import TitleIndex, write_title_index
from hybrid_recs.generation.variants import Variant, Variants
from hybrid_recs.types import Rows

# Cannot occur in XML or CSV, so it cannot be part of a category's name.
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Item:
    """One item as clients see it; `popularity`: its interactions, weighted where the data has weights."""

    item_id: str
    title: str | None
    categories: list[str]
    popularity: float


class Catalogue:
    """The memory-mapped item table of one generation; ids: how its ids are spelt."""

    def __init__(self, folder: Path, ids: IdRules = AS_WRITTEN) -> None:
        self.id_rules = ids
        self._ids = StringTable.open(folder, "ids")
        self._titles = StringTable.open(folder, "titles")
        self._categories = StringTable.open(folder, "categories")
        self.categories = CategoryIndex(folder)
        self._index = IdIndex(folder, self._ids)
        self.variants = Variants.open(folder)
        self.popularity: NDArray[np.float64] = open_array(folder / "popularity.npy")
        self.by_popularity: NDArray[np.uint32] = open_array(folder / "by_popularity.npy")
        self.titles = TitleIndex(folder, self.by_popularity)

    def __len__(self) -> int:
        return len(self._ids)

    def row(self, item_id: str) -> int | None:
        """The row of an item id, also when it is spelt in another way or is that of a further variant; None
        when there is no such item."""
        row = self._row(item_id)
        if row is None and (spelt := self.id_rules.spell(item_id)) != item_id:
            row = self._row(spelt)
        return row

    def _row(self, item_id: str) -> int | None:
        row = self._index.position(item_id)
        return self.variants.row(item_id) if row is None and self.variants is not None else row

    def variant(self, item_id: str) -> Variant | None:
        """The further variant of that id; None for an item that is a row of its own, or unknown."""
        if self.variants is None or self._index.position(item_id) is not None:
            return None
        return self.variants.get(item_id) or self.variants.get(self.id_rules.spell(item_id))

    def variants_of(self, row: int) -> list[Variant]:
        """The further variants that share a row."""
        return [] if self.variants is None else self.variants.of_row(row)

    def item_id(self, row: int) -> str:
        return self._ids[row]

    def title(self, row: int) -> str | None:
        """The title of a row, or None when it has none."""
        return self._titles[row] or None

    def item(self, row: int) -> Item:
        return Item(self._ids[row], self.title(row), self.categories_of(row), float(self.popularity[row]))

    def categories_of(self, row: int) -> list[str]:
        """The categories of a row, in the order of the data."""
        joined = self._categories[row]
        return joined.split(_SEPARATOR) if joined else []

    def shared_popularity(self, other: "Catalogue") -> float:
        """Share of this catalogue's interactions that are about items with interactions in `other`.

        Ids are compared by their 64-bit hashes.
        """
        total = float(self.popularity.sum())
        rows = self._index.positions[np.isin(self._index.hashes, other._hashes_with_interactions())]
        return float(self.popularity[rows].sum()) / total if total else 1.0

    def _hashes_with_interactions(self) -> NDArray[np.uint64]:
        """Of the ids that have interactions, as far as is known of variants: their row has some."""
        indices = [(self._index.hashes, self._index.positions)]
        if self.variants is not None:
            index = self.variants.index
            indices.append((index.hashes, self.variants.rows[index.positions]))
        return np.concatenate([hashes[self.popularity[rows] > 0] for hashes, rows in indices])

    def popular(self, count: int, excluded: frozenset[int], eligible: RowMask | None = None) -> Rows:
        """The `count` most popular rows that are eligible and not excluded, best first."""
        size = count + len(excluded)
        while True:
            head = self.by_popularity[:size].astype(np.int64)
            if eligible is not None:
                head = eligible.eligible_among(head)
            if excluded:
                head = head[~np.isin(head, np.fromiter(excluded, np.int64, len(excluded)))]
            if len(head) >= count or size >= len(self):
                return head[:count]
            size *= 8


def write_catalogue(
    folder: Path,
    ids: Sequence[str],
    titles: Sequence[str],
    categories: Sequence[Sequence[str]],
    popularity: NDArray[np.float64],
) -> None:
    """Write the item table; all arguments are in row order and of one length."""
    StringTable.write(folder, "ids", ids)
    StringTable.write(folder, "titles", titles)
    StringTable.write(folder, "categories", (_SEPARATOR.join(names) for names in categories))
    write_category_index(folder, categories)
    write_id_index(folder, ids)
    save_array(folder / "popularity.npy", popularity)
    by_popularity = np.argsort(-popularity, kind="stable").astype(np.uint32)
    save_array(folder / "by_popularity.npy", by_popularity)
    write_title_index(folder, titles, by_popularity)
