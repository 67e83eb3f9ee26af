"""The items that were popular lately: their rows and weights in (0, 1], memory-mapped."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybrid_recs.generation.arrays import open_array, save_array
from hybrid_recs.types import Floats, Rows


@dataclass(frozen=True, slots=True)
class Trend:
    """Distinct rows, strongest first, and their weights, 1 at the first."""

    rows: Rows
    weights: Floats

    @classmethod
    def empty(cls) -> "Trend":
        return cls(np.empty(0, np.int64), np.empty(0, np.float32))

    def save(self, folder: Path) -> None:
        """Write both arrays."""
        save_array(folder / "trending_rows.npy", self.rows)
        save_array(folder / "trending_weights.npy", self.weights)

    @classmethod
    def open(cls, folder: Path) -> "Trend":
        """Map what `save` wrote."""
        return cls(open_array(folder / "trending_rows.npy"), open_array(folder / "trending_weights.npy"))
