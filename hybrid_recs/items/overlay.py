"""Item changes since a generation was built, over its rows: new items, and items that must not be
recommended.

The mapped files of a generation are never written to; the overlay is small, in memory, on top of them, and is
swapped as a whole. The j-th new item has row len(catalogue) + j, so old and new rows never overlap.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.generation.category_index import CategoryFilter
from hybrid_recs.generation.generation import Generation
from hybrid_recs.types import Floats, Rows


@dataclass(frozen=True)
class NewItems:
    """Items that the generation does not know, or has no vector for.

    vectors: unit vectors (m × d); zero for an item without one, which is known but similar to nothing.
    """

    ids: Sequence[str]
    titles: Sequence[str | None]
    categories: Sequence[Sequence[str]]
    vectors: Floats

    @classmethod
    def empty(cls) -> "NewItems":
        return cls((), (), (), np.empty((0, 0), np.float32))

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def places(self) -> dict[str, int]:
        """Item id → j, the item's place among the new items."""
        return {item_id: place for place, item_id in enumerate(self.ids)}

    @cached_property
    def have_vector(self) -> NDArray[np.bool_]:
        return np.asarray(self.vectors.any(axis=1) if len(self) else np.empty(0, bool))


class StandIn(NamedTuple):
    """The variant that lists show for a row."""

    item_id: str
    title: str | None


@dataclass(frozen=True)
class Overlay:
    """Over one generation; `version` grows with every change.

    hidden: rows, of old items or new, that are never recommended. They may still be queried.
    shown: rows that are recommended though the items table does not list them.
    stand_ins: for rows of products whose own variant must not be recommended, another one that may.
    """

    version: int = 0
    hidden: frozenset[int] = frozenset()
    new: NewItems = field(default_factory=NewItems.empty)
    shown: frozenset[int] = frozenset()
    stand_ins: Mapping[int, StandIn] = field(default_factory=dict)

    def places_matching(self, category_filter: CategoryFilter) -> Rows:
        """Places of the new items that match a filter."""
        places = [
            place
            for place, categories in enumerate(self.new.categories)
            if category_filter.matches(categories)
        ]
        return np.array(places, np.int64)


OverlayOf = Callable[[Generation], Overlay]
"""Returns the overlay of a generation as of now; may read from disk."""
