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
from hybrid_recs.generation.manifest import SearchFigure
from hybrid_recs.generation.row_mask import RowMask
from hybrid_recs.types import Floats, Rows

# The stubs of FAISS lack what SWIG creates at run time.
_faiss: Any = faiss

# The minimum efSearch of the HNSW quantizer that finds the nearest lists of an IVF index. At a million items
# 32 takes 230 µs for recall 0.9995, 16 takes 176 for 0.997, 8 takes 151 for 0.986.
_MIN_LIST_EFFORT = 16
_DEFAULT_EFFORT = 16  # efSearch of an HNSW index that was not measured


class VectorIndex(Protocol):
    """An index that can be searched; contract tests run against every implementation."""

    def __len__(self) -> int: ...

    def search(self, query: Floats, k: int) -> Rows:
        """Rows of the min(k, n) largest inner products with `query` (d), best first."""
        ...


class ExactIndex:
    """Searches by scoring every row: the reference for recall."""

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
    """A memory-mapped FAISS index file: exact (Flat), HNSW or IVF, with the search effort tuned by the build.

    The mapped index is never changed: adding to it would crash the process.
    """

    def __init__(self, path: Path, figures: Sequence[SearchFigure]) -> None:
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except (RuntimeError, MemoryError) as error:
            raise CorruptGenerationError(f"{path}: not a readable FAISS index") from error
        self._index: Any = index
        kind = faiss.downcast_index(index)
        self._lists = int(kind.nlist) if isinstance(kind, faiss.IndexIVF) else 0
        self.approximate = self._lists > 0 or hasattr(kind, "hnsw")
        self._figures = sorted(figures, key=lambda figure: figure.k)
        self._parameters_of: dict[int, Any] = {}

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    def search(
        self,
        query: Floats,
        k: int,
        excluded: frozenset[int] = frozenset(),
        eligible: RowMask | None = None,
    ) -> Rows:
        """See `VectorIndex.search`, over rows that are eligible and not excluded; approximate unless the
        index is exact."""
        return self._search(query[np.newaxis], k, 1, excluded, eligible)[0]

    def search_many(
        self, queries: Floats, k: int, effort_multiplier: int = 1, eligible: RowMask | None = None
    ) -> list[Rows]:
        """As `search` for each of many queries (q × d), with `effort_multiplier` times the effort."""
        return self._search(queries, k, effort_multiplier, frozenset(), eligible)

    def _search(
        self,
        queries: Floats,
        k: int,
        effort_multiplier: int,
        excluded: frozenset[int],
        eligible: RowMask | None,
    ) -> list[Rows]:
        k = min(k, len(self))
        if k == 0 or (eligible is not None and eligible.count == 0):
            return [np.empty(0, np.int64) for _ in queries]
        # The search visits excluded rows like all others, so the effort must be enough to find them too.
        effort = self._effort(k + len(excluded)) * effort_multiplier
        if eligible is not None:
            effort = min(effort * -(-len(self) // eligible.count), self._lists or len(self))
        selector = _selector(excluded, eligible)
        rows: NDArray[np.int64]
        _, rows = self._index.search(queries, k, params=self._parameters(effort, selector))
        # The lists of an IVF index that were read may contain fewer than k rows: read more.
        while effort < self._lists and (short := np.flatnonzero(rows[:, -1] < 0)).size:
            effort *= 4
            _, rows[short] = self._index.search(queries[short], k, params=self._parameters(effort, selector))
        return [of_query[of_query >= 0] for of_query in rows]

    def _effort(self, k: int) -> int:
        """efSearch or nprobe for k results; 0 for an exact index."""
        if not self.approximate:
            return 0
        if not self._figures:
            return self._lists or max(k, _DEFAULT_EFFORT)
        # Measured for k + 1 results: k and the item itself.
        figure = next((figure for figure in self._figures if figure.k + 1 >= k), self._figures[-1])
        if self._lists:
            return figure.effort * max(1, -(-k // (figure.k + 1)))
        return max(figure.effort, k)

    def _parameters(self, effort: int, selector: Any) -> Any:
        """One cached object for each effort: creating it takes a tenth of the time of a search."""
        if selector is not None:
            return self._new_parameters(effort, {"sel": selector})
        if effort and effort not in self._parameters_of:
            self._parameters_of[effort] = self._new_parameters(effort, {})
        return self._parameters_of.get(effort)

    def _new_parameters(self, effort: int, selector: dict[str, Any]) -> Any:
        if not self.approximate:
            return _faiss.SearchParameters(**selector)
        if not self._lists:
            return _faiss.SearchParametersHNSW(efSearch=effort, **selector)
        nearest_lists = _faiss.SearchParametersHNSW(efSearch=max(_MIN_LIST_EFFORT, 2 * effort))
        return _faiss.SearchParametersIVF(
            nprobe=min(effort, self._lists), quantizer_params=nearest_lists, **selector
        )


def _selector(excluded: frozenset[int], eligible: RowMask | None) -> Any:
    """The FAISS selector of the rows that may be found; None for all rows."""
    if not excluded:
        return eligible.selector if eligible is not None else None
    rows = np.fromiter(excluded, np.int64, len(excluded))
    others = _faiss.IDSelectorNot(_faiss.IDSelectorBatch(rows))
    return others if eligible is None else _faiss.IDSelectorAnd(others, eligible.selector)


def use_one_thread_per_search() -> None:
    """For servers: OpenMP makes a single small search many times slower, and can hang after a fork."""
    faiss.omp_set_num_threads(1)
