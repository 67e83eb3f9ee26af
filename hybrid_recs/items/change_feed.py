"""The store of item changes as one worker uses it: the overlay of a generation, and writing.

While the store cannot be read, the worker goes on with what it knew; that is logged once.
"""

import logging
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.errors import BadVectorError, ItemChangesError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.items.change_store import ChangeStore, NewItemQuota
from hybrid_recs.items.item_change import Change, ItemFields
from hybrid_recs.items.overlay import Overlay
from hybrid_recs.items.overlay_builder import OverlayBuilder, vector_space_of
from hybrid_recs.types import Floats

log = logging.getLogger(__name__)

_GENERATIONS = 2  # the one that serves and the one that is about to


class ChangeFeed:
    """Safe for threads. Methods wait for the disk, but `builder_of` does not."""

    def __init__(self, changes: ChangeStore, most_new: int) -> None:
        """most_new: how many described items may wait for a rebuild."""
        self._changes = changes
        self._most_new = most_new
        self._lock = threading.Lock()
        self._builders: dict[str, OverlayBuilder] = {}
        self._failing = False

    def overlay_of(self, generation: Generation) -> Overlay:
        """What has changed since `generation` was built, all that was written until now; the same object as
        before if nothing has changed since."""
        with self._lock:
            builder = self._builders.get(generation.id)
            if builder is None:
                builder = OverlayBuilder(generation, next(reversed(self._builders.values()), None))
                self._read(builder)
                # Known to others only once it holds all.
                self._builders = dict([*self._builders.items()][1 - _GENERATIONS :])
                self._builders[generation.id] = builder
            else:
                self._read(builder)
            return builder.overlay

    def builder_of(self, generation: Generation) -> OverlayBuilder:
        """What this worker knows of the item edits over `generation`, as when `overlay_of` last looked."""
        return self._builders.get(generation.id) or OverlayBuilder(generation)

    def put(self, generation: Generation, item_id: str, fields: ItemFields) -> tuple[Change, bool]:
        """Record a change of an item; what is known of it now, and whether it was unknown.

        Raises as ChangeStore.put, and BadVectorError for a vector that is not one of `generation`.
        """
        if (vector := fields.get("vector")) is not None:
            fields = {**fields, "vector": unit(vector, generation.manifest.dimensions)}
        known = generation.catalogue.row(item_id) is not None
        unknown = not known and self._changes.get(item_id) is None
        quota = NewItemQuota(self._most_new, generation.manifest.changes)
        return self._changes.put(item_id, fields, vector_space_of(generation), known, quota), unknown

    def close(self) -> None:
        """Let go of the file."""
        self._changes.close()

    def _read(self, builder: OverlayBuilder) -> None:
        try:
            builder.read(self._changes)
        except ItemChangesError as error:
            if not self._failing:
                log.error("serving with the item changes known so far, which may be none: %s", error)
            self._failing = True
        else:
            if self._failing:
                log.info("%s can be read again", self._changes.path)
            self._failing = False


def unit(vector: NDArray[np.floating[Any]], dimensions: int) -> Floats:
    """`vector` at length 1; raises BadVectorError, which says what is expected."""
    exact = vector.astype(np.float64)
    largest = np.abs(exact).max(initial=0.0)
    if len(exact) != dimensions or not np.isfinite(largest) or not largest:
        raise BadVectorError(
            f"vector: {dimensions} finite numbers, not all 0, are needed for this generation; "
            f"{len(exact)} were given"
        )
    exact /= largest  # or the squares of very large and very small numbers would be lost
    return (exact / np.linalg.norm(exact)).astype(np.float32)
