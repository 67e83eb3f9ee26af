"""The item changes that a generation does not contain, and the overlay they make.

A change that was known to the build is part of the generation: only the item's availability still counts. For
an item that was described later:
- a vector of its own places it, in the space it was given for and in no other;
- else an item learned from interactions keeps its vector and title until the next rebuild;
- else its metadata places it, over the row that the generation may have of it.
An item that nothing places is known all the same, and queries for it are answered with popular items.

Of the variants of a product, which share a row, lists show the row's own as long as it may be recommended,
then the most popular one that may. Only when none may, the row is hidden.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from hybrid_recs.errors import ItemChangesError
from hybrid_recs.generation.generation import VECTORS_FILE, Generation
from hybrid_recs.items.change_store import ChangeStore
from hybrid_recs.items.item_change import ItemChange, ItemMetadata, Placement
from hybrid_recs.items.overlay import NewItems, Overlay, StandIn
from hybrid_recs.types import Floats


def vector_space_of(generation: Generation) -> str:
    """Names the space of a generation's vectors: the same for copies of it, another after every fit."""
    sealed = generation.manifest.files.get(VECTORS_FILE)
    return sealed.sha256 if sealed else generation.id


def placement_of(generation: Generation, row: int) -> Placement:
    """Where the vector of a generation's row comes from."""
    if generation.has_interactions(row):
        return Placement.INTERACTIONS
    return Placement.CONTENT if generation.has_vector(row) else Placement.NOT_PLACED


class NewItem(NamedTuple):
    """An edited or new item, over the generation; vector: of length 1, None for one that is not placed."""

    item_id: str
    title: str | None
    categories: Sequence[str]
    vector: Floats | None
    placement: Placement


class OverlayBuilder:
    """Reads the store for one generation; not safe for several threads at once."""

    def __init__(self, generation: Generation, predecessor: "OverlayBuilder | None" = None) -> None:
        """predecessor: of the generation that served until now; its changes count until the store is read."""
        self.overlay = Overlay()
        self.new: dict[str, NewItem] = {}
        self._generation = generation
        self._vector_space = vector_space_of(generation)
        self._changes: dict[str, ItemChange] = dict(predecessor._changes) if predecessor else {}
        self._last_seq = -1
        self._built = False
        # item id → number of its description, vector
        self._encoded: dict[str, tuple[int, Floats | None]] = {}

    def update(self, store: ChangeStore) -> None:
        """Bring the overlay up to date; after an ItemChangesError it is as it was before."""
        try:
            last_seq = store.last
            if last_seq < self._last_seq or self._last_seq < 0:  # the file was replaced, or never read
                changes = store.changes_not_in_build(self._generation.manifest.changes)
                self._changes = {}
            elif last_seq > self._last_seq:
                changes = store.since(self._last_seq)
            else:
                return
            dataset = self._generation.manifest.dataset.name
            self._changes |= {change.item_id: change for change in changes if change.is_of(dataset)}
        except ItemChangesError:
            if not self._built:
                self._build()
            raise
        self._last_seq = last_seq
        self._build()

    def placement(self, item_id: str, row: int | None) -> Placement:
        """Where the item's vector comes from; row: in the generation, if it has one."""
        if item_id in self.new:
            return self.new[item_id].placement
        return Placement.NOT_PLACED if row is None else placement_of(self._generation, row)

    def is_available(self, item_id: str) -> bool:
        """Whether the item may be recommended."""
        change = self._changes.get(item_id)
        if change is not None and self._availability_counts(change):
            return change.available
        return self._generation.lists(item_id)

    def listed_as(self, item_id: str) -> str | None:
        """The variant of the same product that lists show instead of this one; None where there is none."""
        catalogue = self._generation.catalogue
        row = catalogue.row(item_id)
        if row is None or item_id in self.new:
            return None
        variant, stand_in = catalogue.variant(item_id), self.overlay.stand_ins.get(row)
        own = catalogue.item_id(row)
        shown = stand_in.item_id if stand_in else own
        return None if shown == (variant.item_id if variant else own) else shown

    def _build(self) -> None:
        catalogue, n = self._generation.catalogue, len(self._generation.catalogue)
        self.new, hidden, shown = {}, set(), set()
        changed_rows: set[int] = set()
        for change in self._changes.values():
            row = catalogue.row(change.item_id)
            if row is not None:
                changed_rows.add(row)
            if catalogue.variant(change.item_id) is not None:
                continue
            new, available = self._new_item(change, row), self.is_available(change.item_id)
            if new is not None:
                if not available:
                    hidden.add(n + len(self.new))
                self.new[change.item_id] = new
            if row is not None and (new is not None or not available):
                hidden.add(row)
            elif row is not None:
                shown.add(row)
        stand_ins = self._stand_ins(changed_rows)
        self._built = True
        self.overlay = Overlay(
            version=max(self._last_seq, 0),
            hidden=frozenset(hidden - stand_ins.keys()),
            new=self._new_items(),
            shown=frozenset(shown | stand_ins.keys()),
            stand_ins=stand_ins,
        )

    def _stand_ins(self, rows: Iterable[int]) -> dict[int, StandIn]:
        """For those of the rows whose own item must not be recommended while another variant may be."""
        catalogue, stand_ins = self._generation.catalogue, {}
        for row in rows:
            variants = catalogue.variants_of(row)
            if not variants or self.is_available(catalogue.item_id(row)):
                continue
            for variant in variants:
                if self.is_available(variant.item_id):
                    stand_ins[row] = StandIn(variant.item_id, variant.title)
                    break
        return stand_ins

    def _availability_counts(self, change: ItemChange) -> bool:
        """Whether the availability was edited and, where the table says which items are in stock, the table
        has said nothing else since. Hiding an item never gives way to anything else."""
        stock = self._generation.manifest.dataset.stock
        if not stock or self._generation.catalogue.row(change.item_id) is None:
            return not change.available or "available" in change.base
        base = change.base.get("available")
        said = int(self._generation.lists(change.item_id))
        return not change.available if base is None else base == said

    def _new_item(self, change: ItemChange, row: int | None) -> NewItem | None:
        """The item as edited; None where the generation's own row still counts."""
        generation = self._generation
        if change.described_seq <= generation.manifest.changes:
            return None
        metadata = self._metadata(change, row)
        vector, placement = None, Placement.NOT_PLACED
        if change.vector is not None and change.vector_space == self._vector_space:
            vector, placement = change.vector, Placement.VECTOR
        elif row is None or not generation.has_interactions(row):
            vector = self._encode(change, metadata)
            placement = Placement.NOT_PLACED if vector is None else Placement.CONTENT
        if vector is None and row is not None:
            return None
        return NewItem(change.item_id, metadata.title, metadata.categories or [], vector, placement)

    def _metadata(self, change: ItemChange, row: int | None) -> ItemMetadata:
        """The item's metadata; the generation's where the change sets none."""
        metadata = change.metadata or ItemMetadata()
        if row is None:
            return metadata
        item = self._generation.catalogue.item(row)
        categories = item.categories if metadata.categories is None else metadata.categories
        return ItemMetadata(metadata.title or item.title, categories, metadata.text)

    def _encode(self, change: ItemChange, metadata: ItemMetadata) -> Floats | None:
        """The vector of the item's metadata; each description is encoded once."""
        encoder = self._generation.content
        if encoder is None:
            return None
        described_seq, vector = self._encoded.get(change.item_id, (0, None))
        if described_seq != change.described_seq:
            vector = encoder.encode(metadata.title, metadata.categories or [], metadata.text)
            self._encoded[change.item_id] = change.described_seq, vector
        return vector

    def _new_items(self) -> NewItems:
        if not self.new:
            return NewItems.empty()
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
