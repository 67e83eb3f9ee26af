"""hnswlib (of the package chroma-hnswlib, which comes compiled), over the vectors that are in our FAISS
index and by inner product, as that searches."""

from pathlib import Path
from typing import Any

import hnswlib
import numpy as np

from benchmarks.servers.items import indexed, queries
from hybrid_recs.types import Floats, Rows

# As our own index is built.
_LINKS, _BUILD_EFFORT = 32, 120


class Hnswlib:
    """hnswlib."""

    def __init__(self, vectors: Floats, index: Any) -> None:
        self._vectors, self._index = vectors, index

    @staticmethod
    def build(generation: Path, path: Path) -> None:
        """Write the index to a file."""
        vectors = indexed(generation)
        index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        index.init_index(len(vectors), M=_LINKS, ef_construction=_BUILD_EFFORT, random_seed=20)
        index.add_items(vectors)
        index.save_index(str(path))

    @classmethod
    def open(cls, generation: Path, path: Path, effort: int) -> "Hnswlib":
        """From that file."""
        vectors = queries(generation)
        index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        index.load_index(str(path))
        index.set_num_threads(1)
        peer = cls(vectors, index)
        peer.set_effort(effort)
        return peer

    def set_effort(self, effort: int) -> None:
        """See `Peer`."""
        self._index.set_ef(effort)

    def search(self, row: int, k: int) -> tuple[Rows, Floats]:
        """See `Peer`."""
        rows, distances = self._index.knn_query(self._vectors[row], k=k + 1)
        return rows[0].astype(np.int64), 1 - distances[0]
