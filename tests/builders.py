"""Small real parts for tests: manifests, scorers, and generations that are written and opened quickly."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from hybrid_recs.generation.arrays import save_array
from hybrid_recs.generation.catalogue import write_catalogue
from hybrid_recs.generation.covisits import CoVisits
from hybrid_recs.generation.generation import BOOSTS_FILE, INDEX_FILE, VECTORS_FILE, Generation
from hybrid_recs.generation.manifest import FILE_NAME, DatasetInfo, IndexInfo, Manifest, ScoringInfo
from hybrid_recs.generation.neighbour_lists import NeighbourLists
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.types import Floats, Rows


def manifest_of(generation: str, **fields: Any) -> Manifest:
    """A manifest with next to nothing in it."""
    defaults: dict[str, Any] = {
        "id": generation,
        "parent": None,
        "created": "2024-01-01T00:00:00+00:00",
        "dataset": DatasetInfo(name="small", fingerprint="", account={}),
        "settings": {},
        "settings_digest": "",
        "versions": {},
        "items": 0,
        "vectors": 0,
        "learned": 0,
        "dimensions": 2,
        "hot_items": 0,
        "list_depth": 100,
        "index": IndexInfo(kind="exact", search=[]),
        "scoring": ScoringInfo(covisit_weight=1.0, tilt=0.0),
    }
    return Manifest(**(defaults | fields))


def stage_small(store: GenerationStore, generation: str) -> Manifest:
    """Stage three small files; enough for everything that does not open the generation."""
    folder = store.stage(generation)
    for name in ("a.bin", "b.bin", "c.bin"):
        (folder / name).write_bytes(f"{generation} {name}".encode() * 50)
    return manifest_of(generation)


def seal_small(store: GenerationStore, *generations: str) -> None:
    for generation in generations:
        store.seal(stage_small(store, generation))


def publish_small(store: GenerationStore, *generations: str) -> None:
    """Stage, seal and publish each in turn."""
    for generation in generations:
        seal_small(store, generation)
        store.publish(generation)


def publish_copy(store: GenerationStore, generation: str) -> Generation:
    """Publish the files of the serving generation again under another id."""
    serving = store.path(store.require_current())
    staged = store.stage(generation)
    for path in serving.iterdir():
        if path.name != FILE_NAME:
            shutil.copy(path, staged)
    folder = store.seal(Manifest.read(serving).model_copy(update={"id": generation, "files": {}}))
    store.publish(generation)
    return Generation.open(folder)


def covisits_of(lists: Sequence[tuple[Sequence[int], Sequence[float]]]) -> CoVisits:
    """Co-visits from (rows, weights) of each row."""
    return CoVisits(
        np.concatenate(([0], np.cumsum([len(rows) for rows, _ in lists]))).astype(np.int64),
        np.array([row for rows, _ in lists for row in rows], np.uint32),
        np.array([weight for _, weights in lists for weight in weights], np.float32),
    )


def random_covisits(rng: np.random.Generator, weights: NDArray[np.float64], n: int, most: int) -> CoVisits:
    """Up to `most` other rows for each of n rows, with weights drawn from `weights`, heaviest first."""
    lists = []
    for row in range(n):
        others = np.delete(np.arange(n), row)
        rows = rng.choice(others, rng.integers(0, min(most, len(others)) + 1), replace=False)
        lists.append((rows.tolist(), sorted(rng.choice(weights, len(rows)).tolist(), reverse=True)))
    return covisits_of(lists)


def random_unit_vectors(rng: np.random.Generator, n: int, dimensions: int) -> Floats:
    vectors = rng.standard_normal((n, dimensions)).astype(np.float32)
    return np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def write_generation(
    folder: Path, generation: str, ids: Sequence[str], hot: Rows, titles: Sequence[str] | None = None
) -> Generation:
    """An unsealed generation in which every item has a random vector and no co-visits."""
    n, dimensions = len(ids), 4
    scorer = Scorer(
        random_unit_vectors(np.random.default_rng(1), n, dimensions),
        np.ones(n, np.float32),
        covisits_of([([], [])] * n),
        1.0,
    )
    titles = titles or [""] * n
    write_catalogue(folder, ids, titles, [[] for _ in ids], np.arange(n, 0, -1).astype(np.float64))
    save_array(folder / VECTORS_FILE, scorer.vectors)
    save_array(folder / BOOSTS_FILE, scorer.boosts)
    scorer.covisits.save(folder)
    scorer.trend.save(folder)
    flat = faiss.IndexFlatIP(dimensions)
    flat.add(scorer.vectors)
    faiss.write_index(flat, str(folder / INDEX_FILE))
    few = np.arange(min(n, 8), dtype=np.int64)
    NeighbourLists.write(folder, hot, (scorer.score_item(int(row), few, 5) for row in hot))
    manifest = manifest_of(
        generation, items=n, vectors=n, learned=n, dimensions=dimensions, hot_items=len(hot)
    )
    return Generation.open(folder, manifest)
