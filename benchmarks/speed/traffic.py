"""The items that the load requests. Rows are numbered from the most to the least popular item."""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import numpy as np

from hybrid_recs.generation.catalogue import Catalogue
from hybrid_recs.generation.manifest import Manifest
from hybrid_recs.generation.neighbour_lists import NeighbourLists
from hybrid_recs.types import Rows

K = 10


def request_paths(generation: Path, rows: Iterable[int]) -> list[str]:
    """One request path per row, valid for every server of the benchmarks."""
    catalogue = Catalogue(generation)
    return [f"/recommendations?item_id={quote(catalogue.item_id(int(row)), safe='')}&k={K}" for row in rows]


def hot_rows(generation: Path, count: int, seed: int = 0) -> Rows:
    """Distinct hot rows in random order."""
    rows = NeighbourLists.open(generation).rows.astype(np.int64)
    return np.random.default_rng(seed).permutation(rows)[:count]


def tail_rows(generation: Path, count: int, seed: int = 0) -> Rows:
    """Distinct rows of the less popular half, uniformly at random: none is hot, none occurs twice."""
    n = Manifest.read(generation).vectors
    return np.random.default_rng(seed).permutation(np.arange(n // 2, n))[:count]


def zipf_rows(generation: Path, count: int, seed: int = 0) -> Rows:
    """Rows drawn with probability proportional to 1 / popularity rank (s = 1)."""
    mass = np.cumsum(1 / np.arange(1, Manifest.read(generation).vectors + 1))
    drawn = np.random.default_rng(seed).random(count) * mass[-1]
    rows: Rows = np.searchsorted(mass, drawn).astype(np.int64)
    return rows
