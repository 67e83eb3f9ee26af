"""What one generation does not hold of the item changes, and the overlay that comes of it.

An item that the build folded in is the build's: of it only whether it is available still counts. Of one that
was described later:
- its own vector places it, in the space it was given for and in no other;
- else an item learned from interactions stays where it is, and what it is called, until the next rebuild;
- else its metadata places it, over the row that the generation may have of it.
What nothing places is known all the same, and asked about is answered with popular items.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hybrid_recs.errors import ItemChangesError
from hybrid_recs.generation.generation import VECTORS_FILE, Generation
from hybrid_recs.items.change_store import ChangeStore
from hybrid_recs.items.item_change import Change, ItemMetadata, Placement
from hybrid_recs.items.overlay import NewItems, Overlay
from hybrid_recs.types import Floats


def vector_space_of(generation: Generation) -> str:
    """Names the space of a generation's vectors: the same for copies of it, another after every fit."""
    sealed = generation.manifest.files.get(VECTORS_FILE)
    return sealed.sha256 if sealed else generation.id


def placement_of(generation: Generation, row: int) -> Placement:
    """What gave a row of the generation its vector."""
    if row < generation.manifest.learned:
        return Placement.INTERACTIONS
    return Placement.CONTENT if row < generation.manifest.vectors else Placement.NOT_PLACED


class NewItem(NamedTuple):
    """An edited or new item, over the generation; vector: of length 1, None for one that is not placed."""

    item_id: str
    title: str | None
    categories: Sequence[str]
    vector: Floats | None
    placed: Placement


class OverlayBuilder:
    """Reads the store for one generation; not safe for several threads at once."""

    def __init__(self, generation: Generation, before: "OverlayBuilder | None" = None) -> None:
        """before: of the generation that served until now; its word stands until the store was read."""
        self.overlay = Overlay()
        self.new: dict[str, NewItem] = {}
        self._generation = generation
        self._basis = vector_space_of(generation)
        self._changes: dict[str, Change] = dict(before._changes) if before else {}
        self._last = -1
        self._made = False
        self._encoded: dict[
            str, tuple[int, Floats | None]
        ] = {}  # item id → number of its description, vector

    def read(self, store: ChangeStore) -> None:
        """Bring the overlay up to date; after an ItemChangesError it says what it said before."""
        try:
            last = store.last
            if last < self._last or self._last < 0:  # the file was replaced, or never could be read
                changes = store.changes_not_in_build(self._generation.manifest.changes)
                self._changes = {change.item_id: change for change in changes}
            elif last > self._last:
                changes = store.since(self._last)
                self._changes |= {change.item_id: change for change in changes}
            else:
                return
        except ItemChangesError:
            if not self._made:
                self._make()
            raise
        self._last = last
        self._make()

    def placed(self, item_id: str, row: int | None) -> Placement:
        """What gives the item its place; row: in the generation, if it has one."""
        if item_id in self.new:
            return self.new[item_id].placed
        return Placement.NOT_PLACED if row is None else placement_of(self._generation, row)

    def available(self, item_id: str) -> bool:
        """Whether the item may be recommended."""
        change = self._changes.get(item_id)
        return change is None or change.available

    def _make(self) -> None:
        """The overlay of all changes."""
        generation, n = self._generation, len(self._generation.catalogue)
        self.new, hidden = {}, set()
        for change in self._changes.values():
            row = generation.catalogue.row(change.item_id)
            new = self._new(change, row)
            if new is not None:
                if not change.available:
                    hidden.add(n + len(self.new))
                self.new[change.item_id] = new
            if row is not None and (new is not None or not change.available):
                hidden.add(row)
        self._made = True
        self.overlay = Overlay(max(self._last, 0), frozenset(hidden), self._new_items())

    def _new(self, change: Change, row: int | None) -> NewItem | None:
        """The item as edited; None where the generation's own row stands."""
        generation = self._generation
        if change.described <= generation.manifest.changes:
            return None
        said = self._metadata(change, row)
        vector, placed = None, Placement.NOT_PLACED
        if change.vector is not None and change.basis == self._basis:
            vector, placed = change.vector, Placement.VECTOR
        elif row is None or row >= generation.manifest.learned:
            vector = self._by_content(change, said)
            placed = Placement.NOT_PLACED if vector is None else Placement.CONTENT
        if vector is None and row is not None:
            return None
        return NewItem(change.item_id, said.title, said.categories or [], vector, placed)

    def _metadata(self, change: Change, row: int | None) -> ItemMetadata:
        """What is written about the item, the generation's word where the change says nothing."""
        said = change.metadata or ItemMetadata()
        if row is None:
            return said
        known = self._generation.catalogue.item(row)
        categories = known.categories if said.categories is None else said.categories
        return ItemMetadata(said.title or known.title, categories, said.text)

    def _by_content(self, change: Change, said: ItemMetadata) -> Floats | None:
        encoder = self._generation.content
        if encoder is None:
            return None
        described, vector = self._encoded.get(change.item_id, (0, None))
        if described != change.described:
            vector = encoder.encode(said.title, said.categories or [], said.text)
            self._encoded[change.item_id] = change.described, vector
        return vector

    def _new_items(self) -> NewItems:
        if not self.new:
            return NewItems.nothing()
        items = list(self.new.values())
        vectors = np.zeros((len(items), self._generation.manifest.dimensions), np.float32)
        for place, item in enumerate(items):
            if item.vector is not None:
                vectors[place] = item.vector
        return NewItems(
            [item.item_id for item in items],
            [item.title for item in items],
            [item.categories for item in items],
            vectors,
        )
