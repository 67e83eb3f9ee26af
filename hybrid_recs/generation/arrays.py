"""Arrays and string tables in files, opened read-only and memory-mapped.

All workers of a machine share one copy; nothing here creates a Python object per item.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.errors import CorruptGenerationError


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write one array as `.npy`."""
    np.save(path, np.ascontiguousarray(array), allow_pickle=False)


def open_array(path: Path) -> NDArray[Any]:
    """Map one `.npy` read-only.

    The result is a plain ndarray: NumPy's memmap subclass costs microseconds on every slice.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header raises many kinds of errors
        raise CorruptGenerationError(f"{path}: cannot be opened as an array ({error})") from error
    return array.view(np.ndarray)


class StringTable:
    """n UTF-8 strings in one memory-mapped blob, by position.

    Read through memoryviews: slicing a NumPy array costs several times as much as the copy itself.
    """

    def __init__(self, blob: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        self._blob = blob.data
        self._offsets = offsets.data

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, position: int) -> str:
        offsets = self._offsets
        return str(self._blob[offsets[position] : offsets[position + 1]], "utf-8")

    def raw(self, position: int) -> bytes:
        """The UTF-8 bytes of one string."""
        return bytes(self._blob[self._offsets[position] : self._offsets[position + 1]])

    @staticmethod
    def write(folder: Path, name: str, strings: Iterable[str]) -> None:
        """Write `<name>.npy` (bytes) and `<name>_offsets.npy`."""
        encoded = [text.encode() for text in strings]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(text) for text in encoded], out=offsets[1:])
        save_array(folder / f"{name}.npy", np.frombuffer(b"".join(encoded), np.uint8))
        save_array(folder / f"{name}_offsets.npy", offsets)

    @classmethod
    def open(cls, folder: Path, name: str) -> "StringTable":
        """Map a table that `write` wrote."""
        return cls(open_array(folder / f"{name}.npy"), open_array(folder / f"{name}_offsets.npy"))
