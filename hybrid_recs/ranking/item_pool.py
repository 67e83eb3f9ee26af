"""The items of a generation and those that came since under one roof: ids, titles, vectors, what may come."""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from hybrid_recs.generation.category_index import CategoryFilter
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.row_mask import RowMask
from hybrid_recs.items.overlay import Overlay
from hybrid_recs.types import Floats, Rows

_FILTERS_KEPT = 64  # a bit mask each: a byte an item
# Finding an item takes 4 µs in a catalogue of a million; what is popular is asked for again. About 3 MB.
_ROWS_KEPT = 16_384


class ItemPool:
    """Rows below len(catalogue) are the generation's, those above the overlay's.

    A new item with the id of an old one takes its place: the old row is not recommended any more.
    """

    def __init__(self, generation: Generation, overlay: Overlay) -> None:
        self._catalogue = generation.catalogue
        self._vectors = generation.scorer.vectors
        self._new = overlay.new
        self._n = len(generation.catalogue)
        self.overlay = overlay
        self.eligible = self._all_eligible()
        # A filter costs a look at every item; a shop has few, and asks for them all day.
        self._filtered = lru_cache(_FILTERS_KEPT)(self._eligible_under)
        self.row = lru_cache(_ROWS_KEPT)(self._row)

    def __len__(self) -> int:
        return self._n + len(self._new)

    def _row(self, item_id: str) -> int | None:
        """The row of an item id, or None when nothing has that id; `row` remembers it."""
        place = self._new.places.get(item_id) if self._new.ids else None
        return self._catalogue.row(item_id) if place is None else self._n + place

    def rows(self, item_ids: Iterable[str]) -> list[int]:
        """The rows of those ids that something has, in their order."""
        return [row for row in map(self.row, item_ids) if row is not None]

    def item_id(self, row: int) -> str:
        """The id of a row."""
        return self._catalogue.item_id(row) if row < self._n else self._new.ids[row - self._n]

    def title(self, row: int) -> str | None:
        """The title of a row, or None when it has none."""
        return self._catalogue.title(row) if row < self._n else self._new.titles[row - self._n]

    def categories_of(self, row: int) -> list[str]:
        """The categories of a row."""
        if row < self._n:
            return self._catalogue.categories_of(row)
        return list(self._new.categories[row - self._n])

    def is_new(self, row: int) -> bool:
        """Whether the row came after the build."""
        return row >= self._n

    def new_rows(self) -> Rows:
        """The rows of all new items."""
        return self._n + np.arange(len(self._new))

    def vector(self, row: int) -> Floats:
        """The unit vector (d) of a row that has one; zero for the rest."""
        return np.asarray(self.vectors(np.array([row]))[0])

    def vectors(self, rows: Rows) -> Floats:
        """Unit vectors (m × d); zero for rows that have none."""
        found = np.zeros((len(rows), self._vectors.shape[1]), np.float32)
        old, new = rows < len(self._vectors), rows >= self._n
        found[old] = self._vectors[rows[old]]
        if new.any():
            found[new] = self._new.vectors[rows[new] - self._n]
        return found

    def eligible_under(self, query: CategoryFilter) -> RowMask | None:
        """What may be recommended under a filter; None: everything."""
        return self._filtered(query) if query else self.eligible

    def _eligible_under(self, query: CategoryFilter) -> RowMask:
        mask = self._catalogue.categories.eligible(query, len(self)).mask
        mask[self._n :] = False
        mask[self._n + self.overlay.fitting(query)] = True
        return RowMask(mask) & self.eligible

    def _all_eligible(self) -> RowMask | None:
        if not self.overlay.hidden and not self._new.ids:
            return None
        replaced = (self._catalogue.row(item_id) for item_id in self._new.ids)
        unplaced = self._n + np.flatnonzero(~self._new.placed)
        out = {*self.overlay.hidden, *unplaced.tolist(), *(row for row in replaced if row is not None)}
        return RowMask.all_but(frozenset(out), len(self))
