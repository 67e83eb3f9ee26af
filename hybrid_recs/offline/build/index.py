"""Builds the FAISS index; measures which search effort reaches the required recall."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from hybrid_recs.generation.manifest import IndexInfo, SearchFigure
from hybrid_recs.generation.vector_index import ExactIndex, FaissIndex
from hybrid_recs.offline.build.ivf import build_ivf
from hybrid_recs.offline.build.options import BuildOptions
from hybrid_recs.types import Floats, Rows

HNSW_LINKS = 32
HNSW_BUILD_EFFORT = 120
IVF_ABOVE = 50_000
_DEPTHS = (10, 100)
_SAMPLE = 500
_SCORE_TOLERANCE = 1e-5  # of the norms: sums of 32-bit floats in another order


@dataclass(frozen=True, slots=True)
class _IndexKind:
    """A kind of approximate index, how it is built from items (n × d) and a seed, and the efforts to try."""

    name: str
    build: Callable[[Floats, int], Any]
    efforts: tuple[int, ...]


def build_index(
    path: Path,
    vectors: Floats,
    boosts: Floats,
    options: BuildOptions,
    learned: int | None = None,
    ivf_above: int = IVF_ABOVE,
) -> IndexInfo:
    """Write the index of `boosts · vectors` (n × d, inner product) to `path`.

    Exact up to `exact_below` vectors. Above, HNSW, then IVF; above `ivf_above`, where HNSW takes long to
    build, IVF first. A kind that does not reach `ann_recall` at 10 and at 100 on tail items with the largest
    effort is replaced by the next one, and finally by an exact index. Only the first `learned` rows are
    queried: the rows behind them can be found like any other, but recall is not measured on them.
    """
    items = np.ascontiguousarray(vectors * boosts[:, np.newaxis])
    rows = tail_sample(len(items) if learned is None else learned, _SAMPLE, options.seed)
    exact = exact_neighbours(vectors, items, rows, max(_DEPTHS))
    sample = _RecallSample(vectors, items, rows, exact, options.ann_recall)
    kinds = (_IVF, _HNSW) if len(items) > ivf_above else (_HNSW, _IVF)
    for kind in kinds if len(items) > options.exact_below else ():
        faiss.write_index(kind.build(items, options.seed), str(path))
        figures = sample.measure(path, kind.efforts)
        if all(figure.recall >= options.ann_recall for figure in figures):
            return IndexInfo(kind=kind.name, search=figures)
    flat = faiss.IndexFlatIP(items.shape[1])
    flat.add(items)
    faiss.write_index(flat, str(path))
    return IndexInfo(kind="exact", search=sample.measure(path, (0,)))


def tail_sample(n: int, count: int, seed: int) -> Rows:
    """Random rows of the less popular half, which live search answers."""
    tail = np.arange(n // 2, n)
    return np.random.default_rng(seed).choice(tail, min(count, len(tail)), replace=False)


def exact_neighbours(vectors: Floats, items: Floats, rows: Rows, k: int) -> list[Rows]:
    """For each of `rows` its k exact best rows by inner product, without itself."""
    neighbours = ExactIndex(items).search_many(vectors[rows], k + 1)
    return [line[line != row][:k] for row, line in zip(rows, neighbours, strict=True)]


def recall_at(
    index: FaissIndex, vectors: Floats, items: Floats, rows: Rows, exact: Sequence[Rows], k: int
) -> tuple[float, float]:
    """Recall at k by score, and the median milliseconds of one search.

    A returned row counts if its score reaches that of the k-th exact neighbour: among equal vectors it does
    not matter which ones are returned. k + 1 rows are requested, because the item itself is among them; it
    counts neither way.
    """
    hits = total = 0
    seconds = []
    for row, neighbours in zip(rows, exact, strict=True):
        started = time.perf_counter()
        returned = index.search(vectors[row], k + 1)
        seconds.append(time.perf_counter() - started)
        nearest = neighbours[:k]
        hits += min(_reaching(vectors[row], items, returned[returned != row], nearest), len(nearest))
        total += len(nearest)
    return (hits / total if total else 1.0), float(np.median(seconds) * 1000 if seconds else 0.0)


def _reaching(query: Floats, items: Floats, returned: Rows, nearest: Rows) -> int:
    """How many of the returned rows score as high as the last of the nearest ones."""
    if not len(nearest):
        return 0
    last = items[nearest[-1]]
    tolerance = _SCORE_TOLERANCE * float(np.linalg.norm(last) * np.linalg.norm(query))
    return int(np.count_nonzero(items[returned] @ query >= last @ query - tolerance))


def _hnsw(items: Floats, _: int) -> Any:
    index = faiss.IndexHNSWFlat(items.shape[1], HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = HNSW_BUILD_EFFORT
    index.add(items)
    return index


_HNSW = _IndexKind(f"HNSW{HNSW_LINKS}", _hnsw, (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024))
_IVF = _IndexKind("IVF", build_ivf, (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256))


@dataclass(frozen=True, slots=True)
class _RecallSample:
    """Query rows with their exact neighbours, and the recall that an index must reach on them."""

    vectors: Floats
    items: Floats
    rows: Rows
    exact: Sequence[Rows]
    recall: float

    def measure(self, path: Path, efforts: Sequence[int]) -> list[SearchFigure]:
        """The least effort that reaches the recall at each depth, with its figures."""
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)  # as the service searches
        try:
            return [self._least_effort(path, efforts, k) for k in _DEPTHS]
        finally:
            faiss.omp_set_num_threads(threads)

    def _least_effort(self, path: Path, efforts: Sequence[int], k: int) -> SearchFigure:
        for effort in efforts:
            trial = SearchFigure(k=k, effort=effort, recall=0, milliseconds=0)
            recall, milliseconds = recall_at(
                FaissIndex(path, [trial]), self.vectors, self.items, self.rows, self.exact, k
            )
            if recall >= self.recall:
                break
        return SearchFigure(k=k, effort=effort, recall=recall, milliseconds=milliseconds)
