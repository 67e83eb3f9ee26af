"""Item id <-> row, and the metadata of each item.

Rows are dense. First come the items with a vector from interactions, most popular first, then those with a
vector from their metadata, then those without one, each in the same order: `row < n_vectors` tells whether an
item has a vector.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.generation.arrays import StringTable, open_array, save_array
from hybrid_recs.generation.category_index import CategoryIndex, write_category_index
from hybrid_recs.generation.id_rules import AS_WRITTEN, IdRules
from hybrid_recs.generation.row_mask import RowMask
from hybrid_recs.generation.title_index import TitleIndex, write_title_index
from hybrid_recs.types import Rows

# Cannot occur in XML or CSV, so it cannot be part of a category's name.
_SEPARATOR = "\x1f"


def _id_hash(encoded: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "little")


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
        self._hashes = open_array(folder / "id_hashes.npy").data
        self._hash_rows = open_array(folder / "id_rows.npy").data
        self.popularity: NDArray[np.float64] = open_array(folder / "popularity.npy")
        self.by_popularity: NDArray[np.uint32] = open_array(folder / "by_popularity.npy")
        self.titles = TitleIndex(folder, self.by_popularity)

    def __len__(self) -> int:
        return len(self._ids)

    def row(self, item_id: str) -> int | None:
        """The row of an item id, also when it is spelt in another way, or None when there is no such item."""
        row = self._row(item_id)
        if row is None and (spelt := self.id_rules.spell(item_id)) != item_id:
            row = self._row(spelt)
        return row

    def _row(self, item_id: str) -> int | None:
        encoded = item_id.encode("utf-8", "surrogatepass")
        target = _id_hash(encoded)
        position = bisect_left(self._hashes, target)
        while position < len(self._hashes) and self._hashes[position] == target:
            row = self._hash_rows[position]
            if self._ids.raw(row) == encoded:
                return row
            position += 1
        return None

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
        used = other.popularity[np.asarray(other._hash_rows)] > 0
        shared = np.isin(np.asarray(self._hashes), np.asarray(other._hashes)[used])
        rows = np.asarray(self._hash_rows)[shared]
        return float(self.popularity[rows].sum()) / total if total else 1.0

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
    hashes = np.fromiter((_id_hash(text.encode()) for text in ids), np.uint64, len(ids))
    write_category_index(folder, categories)
    order = np.argsort(hashes, kind="stable")
    save_array(folder / "id_hashes.npy", hashes[order])
    save_array(folder / "id_rows.npy", order.astype(np.uint32))
    save_array(folder / "popularity.npy", popularity)
    by_popularity = np.argsort(-popularity, kind="stable").astype(np.uint32)
    save_array(folder / "by_popularity.npy", by_popularity)
    write_title_index(folder, titles, by_popularity)
