"""The item changes as one worker uses them: the overlay of a generation, and recording edits.

While the store cannot be read, the worker keeps serving with the changes it knows; that is logged once,
unless the owner of the feed shows its `problem` in another way.
"""

import logging
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.errors import BadVectorError, ItemChangesError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.items.change_store import ChangeStore, NewItemQuota
from hybrid_recs.items.item_change import EditBasis, ItemChange, ItemFields
from hybrid_recs.items.overlay import Overlay
from hybrid_recs.items.overlay_builder import OverlayBuilder, vector_space_of
from hybrid_recs.types import METADATA_FIELDS, Floats

log = logging.getLogger(__name__)

_MAX_BUILDERS = 2  # for the generation that serves and the one that is about to


class ChangeFeed:
    """Safe for threads. Methods wait for the disk, except `builder_of`.

    problem: why the store could not be read the last time; empty if it could.
    """

    def __init__(self, store: ChangeStore, max_new: int, log_problems: bool = True) -> None:
        """max_new: how many described items may wait for a rebuild."""
        self.problem = ""
        self._log_problems = log_problems
        self._store = store
        self._max_new = max_new
        self._lock = threading.Lock()
        self._builders: dict[str, OverlayBuilder] = {}

    def overlay_of(self, generation: Generation) -> Overlay:
        """All changes since `generation` was built, as written until now; the same object as before if
        nothing has changed since."""
        with self._lock:
            builder = self._builders.get(generation.id)
            if builder is None:
                builder = OverlayBuilder(generation, next(reversed(self._builders.values()), None))
                self._update(builder)
                # Visible to other threads only once it is complete.
                self._builders = dict([*self._builders.items()][1 - _MAX_BUILDERS :])
                self._builders[generation.id] = builder
            else:
                self._update(builder)
            return builder.overlay

    def builder_of(self, generation: Generation) -> OverlayBuilder:
        """The item changes over `generation`, as of the last `overlay_of`."""
        return self._builders.get(generation.id) or OverlayBuilder(generation)

    def put(self, generation: Generation, item_id: str, fields: ItemFields) -> tuple[ItemChange, bool]:
        """Record an edit of an item; returns the merged change and whether the item is new.

        Raises as ChangeStore.put, and BadVectorError for a vector that does not fit `generation`, or is
        given for a further variant of an item.
        """
        if (vector := fields.get("vector")) is not None:
            _require_own_row(generation, item_id)
            fields = {**fields, "vector": unit(vector, generation.manifest.dimensions)}
        in_catalogue = generation.catalogue.row(item_id) is not None
        is_new = not in_catalogue and self._store.get(item_id, generation.manifest.dataset.name) is None
        quota = NewItemQuota(self._max_new, generation.manifest.changes)
        return self._store.put(
            item_id, fields, _basis(generation, item_id, fields), in_catalogue, quota
        ), is_new

    def take_back(self, generation: Generation, item_id: str) -> None:
        """Take all edits of an item back; raises UnknownItemError when there are none."""
        self._store.take_back(item_id, generation.manifest.dataset.name)

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def _update(self, builder: OverlayBuilder) -> None:
        try:
            builder.update(self._store)
        except ItemChangesError as error:
            if self._log_problems and not self.problem:
                log.error("serving with the item changes known so far, which may be none: %s", error)
            self.problem = str(error)
        else:
            if self._log_problems and self.problem:
                log.info("%s can be read again", self._store.path)
            self.problem = ""


def _basis(generation: Generation, item_id: str, fields: ItemFields) -> EditBasis:
    """What the items table of a generation says of the fields of an edit."""
    table, catalogue = generation.table, generation.catalogue
    base = {name: table.hash_of(catalogue, item_id, name) for name in METADATA_FIELDS if name in fields}
    if "available" in fields:
        base["available"] = int(generation.lists(item_id))
    return EditBasis(vector_space_of(generation), base, generation.manifest.dataset.name)


def _require_own_row(generation: Generation, item_id: str) -> None:
    if variant := generation.catalogue.variant(item_id):
        raise BadVectorError(
            f"vector: {item_id!r} is a variant of {generation.catalogue.item_id(variant.row)!r} and shares "
            "its vector; give the vector to that item"
        )


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
