"""Nearest-neighbour search by inner product over the rows of one generation.

FAISS's -1 ("nothing more found") never leaves this module.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from hybrid_recs.errors import CorruptGenerationError
from hybrid_recs.manifest import SearchFigure
from hybrid_recs.types import Floats, Rows

# The stubs that come with FAISS leave out what SWIG makes at run time.
_faiss: Any = faiss


class VectorIndex(Protocol):
    """What search needs; `search` is the contract that the tests hold every implementation to."""

    def __len__(self) -> int: ...

    def search(self, query: Floats, k: int) -> Rows:
        """Rows of the min(k, n) largest inner products with `query` (d), best first."""
        ...


class ExactIndex:
    """Search by scoring every row: the oracle that the others are measured against."""

    def __init__(self, vectors: Floats) -> None:
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self._vectors)

    def search(self, query: Floats, k: int) -> Rows:
        """See `VectorIndex.search`."""
        rows: Rows = self.search_many(query[np.newaxis], k)[0]
        return rows

    def search_many(self, queries: Floats, k: int) -> Rows:
        """Rows (q × min(k, n)) for many queries (q × d)."""
        k = min(k, len(self))
        if k == 0:
            return np.empty((len(queries), 0), np.int64)
        _, rows = faiss.knn(queries, self._vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
        return np.asarray(rows)


class FaissIndex:
    """A FAISS index file, mapped: exact (Flat) or HNSW, with the search settings found when it was built.

    The mapped index is never changed: adding to it would end the process.
    """

    def __init__(self, path: Path, settings: Sequence[SearchFigure]) -> None:
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except (RuntimeError, MemoryError) as error:
            raise CorruptGenerationError(f"{path}: not a readable FAISS index") from error
        self._index: Any = index
        self.approximate = hasattr(faiss.downcast_index(index), "hnsw")
        self._settings = sorted(settings, key=lambda setting: setting.k)
        self._prepared: dict[int, Any] = {}

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    def search(self, query: Floats, k: int, excluded: frozenset[int] = frozenset()) -> Rows:
        """See `VectorIndex.search`, over the rows that are not excluded; approximate when it is HNSW."""
        k = min(k, len(self))
        if k == 0:
            return np.empty(0, np.int64)
        rows: NDArray[np.int64]
        _, found = self._index.search(query[np.newaxis], k, params=self._parameters(k, excluded))
        rows = found[0]
        return rows[rows >= 0]

    def _parameters(self, k: int, excluded: frozenset[int]) -> Any:
        selector = {"sel": _all_but(excluded)} if excluded else {}
        if not self.approximate:
            return _faiss.SearchParameters(**selector) if selector else None
        if not selector:
            return self._without_exclusions(k)
        # Excluded rows are met on the way like any other: the effort is that of finding them as well.
        effort = k + len(excluded)
        return _faiss.SearchParametersHNSW(efSearch=max(self._measured_effort(effort), effort), **selector)

    def _without_exclusions(self, k: int) -> Any:
        """One object for each k: making it takes a tenth of the time of a search."""
        if self._settings and k not in self._prepared:
            effort = max(self._measured_effort(k), k)
            self._prepared[k] = _faiss.SearchParametersHNSW(efSearch=effort)
        return self._prepared.get(k)

    def _measured_effort(self, k: int) -> int:
        """Of the first depth that holds k, measured with one more than asked for: the item itself."""
        fitting = [setting for setting in self._settings if setting.k + 1 >= k] or self._settings[-1:]
        return fitting[0].effort if fitting else 0


def _all_but(excluded: frozenset[int]) -> Any:
    rows = np.fromiter(excluded, np.int64, len(excluded))
    return _faiss.IDSelectorNot(_faiss.IDSelectorBatch(rows))


def use_one_thread_per_search() -> None:
    """For servers: OpenMP makes a single small search many times slower, and can hang after a fork."""
    faiss.omp_set_num_threads(1)
