"""hnswlib (from the package chroma-hnswlib, which has binary wheels) over the vectors of our FAISS index, by
inner product like that index."""

from pathlib import Path
from typing import Any

import hnswlib
import numpy as np

from benchmarks.servers.items import indexed_vectors, query_vectors
from hybrid_recs.types import Floats, Rows

# The build settings of our own index.
_LINKS, _BUILD_EFFORT = 32, 120


class Hnswlib:
    def __init__(self, vectors: Floats, index: Any) -> None:
        self._vectors, self._index = vectors, index

    @staticmethod
    def build(generation: Path, path: Path) -> None:
        """Build the index and write it to `path`."""
        vectors = indexed_vectors(generation)
        index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        index.init_index(len(vectors), M=_LINKS, ef_construction=_BUILD_EFFORT, random_seed=20)
        index.add_items(vectors)
        index.save_index(str(path))

    @classmethod
    def open(cls, generation: Path, path: Path, effort: int) -> "Hnswlib":
        """Open the index in the file `path`."""
        vectors = query_vectors(generation)
        index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        index.load_index(str(path))
        index.set_num_threads(1)
        peer = cls(vectors, index)
        peer.set_effort(effort)
        return peer

    def set_effort(self, effort: int) -> None:
        self._index.set_ef(effort)

    def search(self, row: int, k: int) -> tuple[Rows, Floats]:
        rows, distances = self._index.knn_query(self._vectors[row], k=k + 1)
        return rows[0].astype(np.int64), 1 - distances[0]
