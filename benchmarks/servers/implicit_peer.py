"""implicit's similar_items: by cosine over our vectors, through its own index of the IVF kind.

Without that index (implicit.ann.faiss) it scores every item, which is slower.
"""

from pathlib import Path
from typing import Any

from implicit.ann.faiss import FaissModel
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from benchmarks.servers.items import queries
from hybrid_recs.types import Floats, Rows

_CELLS = 400  # implicit's default


class _Given(AlternatingLeastSquares):  # type: ignore[misc]
    """A model whose factors are given, not learned."""

    def fit(self, *_: object, **__: object) -> None:
        """Nothing to do."""


class Implicit:
    """implicit's similar_items."""

    def __init__(self, model: Any) -> None:
        self._model = model

    @classmethod
    def open(cls, generation: Path, effort: int) -> "Implicit":
        """Builds its index, which takes seconds."""
        with threadpool_limits(1, "blas"):  # as it asks for
            factors = _Given()
        factors.item_factors = queries(generation)
        cells = min(_CELLS, len(factors.item_factors) // 40)
        model = FaissModel(factors, approximate_recommend=False, nlist=cells, use_gpu=False)
        model.fit(None, show_progress=False)
        peer = cls(model)
        peer.set_effort(effort)
        return peer

    def set_effort(self, effort: int) -> None:
        """See `Peer`."""
        self._model.similar_items_index.nprobe = effort

    def search(self, row: int, k: int) -> tuple[Rows, Floats]:
        """See `Peer`."""
        rows, scores = self._model.similar_items(row, k + 1)
        return rows, scores
