"""Item id → position in a table of ids, by binary search over their 64-bit hashes."""

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hybrid_recs.generation.arrays import StringTable, open_array, save_array


class IdIndex:
    """Memory-mapped; hashes that collide are told apart by the ids themselves."""

    def __init__(self, folder: Path, ids: StringTable, prefix: str = "") -> None:
        self._ids = ids
        self.hashes = open_array(folder / f"{prefix}id_hashes.npy")
        self.positions = open_array(folder / f"{prefix}id_rows.npy")
        # Memoryviews: indexing a NumPy array costs several times as much.
        self._hashes, self._positions = self.hashes.data, self.positions.data

    def position(self, item_id: str) -> int | None:
        """The position of an id, or None when the table lacks it."""
        encoded = item_id.encode("utf-8", "surrogatepass")
        target = _id_hash(encoded)
        place = bisect_left(self._hashes, target)
        while place < len(self._hashes) and self._hashes[place] == target:
            position = self._positions[place]
            if self._ids.raw(position) == encoded:
                return int(position)
            place += 1
        return None


def write_id_index(folder: Path, ids: Sequence[str], prefix: str = "") -> None:
    """Write `<prefix>id_hashes.npy` (u64, ascending) and `<prefix>id_rows.npy` (u32)."""
    hashes = np.fromiter((_id_hash(text.encode()) for text in ids), np.uint64, len(ids))
    order = np.argsort(hashes, kind="stable")
    save_array(folder / f"{prefix}id_hashes.npy", hashes[order])
    save_array(folder / f"{prefix}id_rows.npy", order.astype(np.uint32))


def _id_hash(encoded: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "little")
