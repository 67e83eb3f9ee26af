"""Items of a generation for the comparators: plain lists and dictionaries, and vectors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybrid_recs.generation.catalogue import Catalogue
from hybrid_recs.generation.generation import BOOSTS_FILE, VECTORS_FILE
from hybrid_recs.generation.manifest import Manifest
from hybrid_recs.types import Floats


@dataclass(frozen=True, slots=True)
class Items:
    """ids by row; row and title by id."""

    ids: list[str]
    rows: dict[str, int]
    titles: dict[str, str | None]

    @classmethod
    def load(cls, generation: Path) -> "Items":
        """Load every item that has a vector."""
        catalogue, n = Catalogue(generation), Manifest.read(generation).vectors
        ids = [catalogue.item_id(row) for row in range(n)]
        rows = {item_id: row for row, item_id in enumerate(ids)}
        return cls(ids, rows, {item_id: catalogue.title(row) for row, item_id in enumerate(ids)})


def query_vectors(generation: Path) -> Floats:
    """Unit vectors (n × d) with which items are searched."""
    vectors: Floats = np.load(generation / VECTORS_FILE)
    return vectors


def indexed_vectors(generation: Path) -> Floats:
    """The vectors (n × d) in our FAISS index: `query_vectors`, each multiplied by its item's tilt."""
    vectors: Floats = query_vectors(generation) * np.load(generation / BOOSTS_FILE)[:, np.newaxis]
    return vectors
