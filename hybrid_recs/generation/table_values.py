"""What the items table said of each item when a generation was built, as hashes, and what must not be
recommended.

An edit of an item gives way once the table says something else than it did when the edit was made. The
catalogue holds the edited values, so the table's own are kept beside it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from hybrid_recs.generation.arrays import open_array, save_array
from hybrid_recs.generation.catalogue import Catalogue
from hybrid_recs.types import Rows

_EDITED_FILE, _TEXTS_FILE, _UNLISTED_FILE = "edited_items.json", "text_hashes.npy", "unlisted.npy"
_NO_ROWS = np.empty(0, np.int64)

Hashes = Mapping[str, int]
"""Field → hash of the table's value."""


def value_hash(value: object) -> int:
    """63 bits; the same for an empty value as for none."""
    digest = hashlib.blake2b(orjson.dumps(value or None), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


@dataclass(frozen=True)
class TableValues:
    """edited: of the items that were edited when the generation was built. texts: of every row, or None where
    the table has no texts. unlisted: rows that must not be recommended, ascending."""

    edited: Mapping[str, Hashes] = field(default_factory=dict)
    texts: NDArray[np.int64] | None = None
    unlisted: Rows = field(default_factory=lambda: _NO_ROWS)

    @classmethod
    def open(cls, folder: Path) -> "TableValues":
        """Of a generation; those of generations without these files are not known."""
        edited, texts, unlisted = (folder / name for name in (_EDITED_FILE, _TEXTS_FILE, _UNLISTED_FILE))
        return cls(
            edited=orjson.loads(edited.read_bytes()) if edited.exists() else {},
            texts=np.asarray(open_array(texts)) if texts.exists() else None,
            unlisted=np.asarray(open_array(unlisted)).astype(np.int64) if unlisted.exists() else _NO_ROWS,
        )

    def hash_of(self, catalogue: Catalogue, item_id: str, name: str) -> int:
        """Hash of what the table said of a field of an item, which may not have been in it."""
        if item_id in self.edited:
            return self.edited[item_id][name]
        if variant := catalogue.variant(item_id):
            return variant.hashes[name]
        row = catalogue.row(item_id)
        if row is None:
            return value_hash(None)
        if name == "text":
            return value_hash(None) if self.texts is None else int(self.texts[row])
        return value_hash(catalogue.title(row) if name == "title" else catalogue.categories_of(row))

    def lists(self, row: int) -> bool:
        """Whether the row may be recommended as far as the items table goes."""
        place = int(np.searchsorted(self.unlisted, row))
        return place == len(self.unlisted) or self.unlisted[place] != row


def write_table_values(
    folder: Path, edited: Mapping[str, Hashes], texts: Sequence[str | None], unlisted: Rows
) -> None:
    """Write what is not empty; `texts` in row order."""
    if edited:
        (folder / _EDITED_FILE).write_bytes(orjson.dumps(edited, option=orjson.OPT_SORT_KEYS))
    if any(texts):
        hashes = np.fromiter((value_hash(text) for text in texts), np.int64, len(texts))
        save_array(folder / _TEXTS_FILE, hashes)
    if len(unlisted):
        save_array(folder / _UNLISTED_FILE, np.sort(unlisted).astype(np.uint32))
