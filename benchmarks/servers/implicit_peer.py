"""implicit's similar_items: cosine over our vectors, with its own IVF index.

Without that index (implicit.ann.faiss) it scores every item, which is slower.
"""

from pathlib import Path
from typing import Any

from implicit.ann.faiss import FaissModel
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from benchmarks.servers.items import query_vectors
from hybrid_recs.types import Floats, Rows

_CELLS = 400  # implicit's default


class _FixedFactors(AlternatingLeastSquares):  # type: ignore[misc]
    """A model with given factors."""

    def fit(self, *_: object, **__: object) -> None:
        """Do nothing: FaissModel.fit calls this, and the factors are there already."""


class Implicit:
    def __init__(self, model: Any) -> None:
        self._model = model

    @classmethod
    def open(cls, generation: Path, effort: int) -> "Implicit":
        """Build its index, which takes seconds."""
        with threadpool_limits(1, "blas"):  # implicit warns otherwise
            factors = _FixedFactors()
        factors.item_factors = query_vectors(generation)
        cells = min(_CELLS, len(factors.item_factors) // 40)
        model = FaissModel(factors, approximate_recommend=False, nlist=cells, use_gpu=False)
        model.fit(None, show_progress=False)
        peer = cls(model)
        peer.set_effort(effort)
        return peer

    def set_effort(self, effort: int) -> None:
        self._model.similar_items_index.nprobe = effort

    def search(self, row: int, k: int) -> tuple[Rows, Floats]:
        rows, scores = self._model.similar_items(row, k + 1)
        return rows, scores
