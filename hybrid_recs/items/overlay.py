"""What has changed since a generation was built: items that came, items that must not be recommended.

The mapped files of a generation are never written to; the overlay is small, in memory, on top of them, and is
swapped as a whole. The j-th new item has row len(catalogue) + j, so rows of old and new never meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.generation.category_index import CategoryFilter
from hybrid_recs.types import Floats, Rows


@dataclass(frozen=True)
class NewItems:
    """Items that the generation does not know, or knows nothing to place them by.

    vectors: unit vectors (m × d); zero for an item that could not be placed, which is known but never near
    anything.
    """

    ids: Sequence[str]
    titles: Sequence[str | None]
    categories: Sequence[Sequence[str]]
    vectors: Floats

    @classmethod
    def nothing(cls) -> "NewItems":
        """None."""
        return cls((), (), (), np.empty((0, 0), np.float32))

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def places(self) -> dict[str, int]:
        """Item id → place."""
        return {item_id: place for place, item_id in enumerate(self.ids)}

    @cached_property
    def placed(self) -> NDArray[np.bool_]:
        """Which have a vector."""
        return np.asarray(self.vectors.any(axis=1) if len(self) else np.empty(0, bool))


@dataclass(frozen=True)
class Overlay:
    """Over one generation; `version` grows with every change.

    hidden: rows, of old items or new, that are never recommended. They may still be asked about.
    """

    version: int = 0
    hidden: frozenset[int] = frozenset()
    new: NewItems = field(default_factory=NewItems.nothing)

    def fitting(self, wanted: CategoryFilter) -> Rows:
        """Places of the new items that fit a filter."""
        fit = [place for place, categories in enumerate(self.new.categories) if wanted.fits(categories)]
        return np.array(fit, np.int64)
