"""Ids, rows and titles in Python lists and dicts, as one has them without a second thought."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybrid_recs.generation.catalogue import Catalogue
from hybrid_recs.generation.generation import TILT_FILE, VECTORS_FILE
from hybrid_recs.generation.manifest import Manifest
from hybrid_recs.types import Floats


@dataclass(frozen=True, slots=True)
class Items:
    """ids by row; row and title by id."""

    ids: list[str]
    rows: dict[str, int]
    titles: dict[str, str | None]

    @classmethod
    def of(cls, generation: Path) -> "Items":
        """Every item that has a vector."""
        catalogue, n = Catalogue(generation), Manifest.read(generation).vectors
        ids = [catalogue.item_id(row) for row in range(n)]
        rows = {item_id: row for row, item_id in enumerate(ids)}
        return cls(ids, rows, {item_id: catalogue.title(row) for row, item_id in enumerate(ids)})


def queries(generation: Path) -> Floats:
    """Unit vectors (n × d): what an item is searched with."""
    vectors: Floats = np.load(generation / VECTORS_FILE)
    return vectors


def indexed(generation: Path) -> Floats:
    """The vectors (n × d) that are in our FAISS index: those of `queries`, each times its item's tilt."""
    vectors: Floats = queries(generation) * np.load(generation / TILT_FILE)[:, np.newaxis]
    return vectors
