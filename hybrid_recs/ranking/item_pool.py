"""The items of a generation and of its overlay as one set of rows: ids, titles, vectors, eligibility."""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from hybrid_recs.generation.category_index import CategoryFilter
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.row_mask import RowMask
from hybrid_recs.items.overlay import Overlay
from hybrid_recs.types import Floats, Rows

_MAX_CACHED_FILTERS = 64  # a mask each: one byte per item
# Finding an item takes 4 µs in a catalogue of a million, and popular items are requested again. About 3 MB.
_MAX_CACHED_ROWS = 16_384


class ItemPool:
    """Rows below len(catalogue) are the generation's, those above the overlay's.

    A new item with the id of an old one replaces it: the old row is not recommended any more.
    """

    def __init__(self, generation: Generation, overlay: Overlay) -> None:
        self._catalogue = generation.catalogue
        self._vectors = generation.scorer.vectors
        self._new = overlay.new
        self._table = generation.table
        self._stand_ins = overlay.stand_ins
        self._n = len(generation.catalogue)
        self.overlay = overlay
        self.eligible = self._all_eligible()
        # A filter looks at every item; a shop uses few filters, and the same ones all day.
        self._cached_filter = lru_cache(_MAX_CACHED_FILTERS)(self._eligible_under)
        self.row = lru_cache(_MAX_CACHED_ROWS)(self._row)

    def __len__(self) -> int:
        return self._n + len(self._new)

    def _row(self, item_id: str) -> int | None:
        """The row of an item id, or None when no item has that id; cached by `row`."""
        place = self._new.places.get(item_id) if self._new.ids else None
        return self._catalogue.row(item_id) if place is None else self._n + place

    def rows(self, item_ids: Iterable[str]) -> list[int]:
        """The rows of the known ids, in their order."""
        return [row for row in map(self.row, item_ids) if row is not None]

    def item_id(self, row: int) -> str:
        """The id of a row, also where lists show another variant."""
        return self._catalogue.item_id(row) if row < self._n else self._new.ids[row - self._n]

    def shown(self, row: int) -> tuple[str, str | None]:
        """The id and the title that lists show for a row."""
        if row >= self._n:
            return self._new.ids[row - self._n], self._new.titles[row - self._n]
        return self._stand_ins.get(row) or (self._catalogue.item_id(row), self._catalogue.title(row))

    def categories_of(self, row: int) -> list[str]:
        if row < self._n:
            return self._catalogue.categories_of(row)
        return list(self._new.categories[row - self._n])

    def is_new(self, row: int) -> bool:
        """Whether the row is the overlay's."""
        return row >= self._n

    def new_rows(self) -> Rows:
        return self._n + np.arange(len(self._new))

    def vector(self, row: int) -> Floats:
        """The unit vector (d) of a row; zero for a row that has none."""
        return np.asarray(self.vectors(np.array([row]))[0])

    def vectors(self, rows: Rows) -> Floats:
        """Unit vectors (m × d); zero for rows that have none."""
        vectors = np.zeros((len(rows), self._vectors.shape[1]), np.float32)
        old, new = rows < len(self._vectors), rows >= self._n
        vectors[old] = self._vectors[rows[old]]
        if new.any():
            vectors[new] = self._new.vectors[rows[new] - self._n]
        return vectors

    def eligible_under(self, category_filter: CategoryFilter) -> RowMask | None:
        """The rows that may be recommended under a filter; None: all of them."""
        return self._cached_filter(category_filter) if category_filter else self.eligible

    def _eligible_under(self, category_filter: CategoryFilter) -> RowMask:
        mask = self._catalogue.categories.eligible(category_filter, len(self)).mask
        mask[self._n :] = False
        mask[self._n + self.overlay.places_matching(category_filter)] = True
        return RowMask(mask) & self.eligible

    def _all_eligible(self) -> RowMask | None:
        unlisted = self._unlisted()
        if not self.overlay.hidden and not self._new.ids and not unlisted:
            return None
        replaced = (self._catalogue.row(item_id) for item_id in self._new.ids)
        without_vector = self._n + np.flatnonzero(~self._new.have_vector)
        removed = {
            *unlisted,
            *self.overlay.hidden,
            *without_vector.tolist(),
            *(row for row in replaced if row is not None),
        }
        return RowMask.all_but(frozenset(removed), len(self))

    def _unlisted(self) -> frozenset[int]:
        """Rows that the items table keeps from being recommended."""
        return frozenset(self._table.unlisted.tolist()) - self.overlay.shown
