"""Writes the parts of a generation into its staging folder."""

from datetime import UTC, datetime
from pathlib import Path

from hybrid_recs.generation.arrays import save_array
from hybrid_recs.generation.catalogue import write_catalogue
from hybrid_recs.generation.generation import INDEX_FILE, TILT_FILE, VECTORS_FILE
from hybrid_recs.generation.manifest import DatasetInfo, IndexInfo, Manifest, ScoringInfo, library_versions
from hybrid_recs.generation.neighbour_lists import NeighbourLists
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.generation.vector_index import FaissIndex
from hybrid_recs.offline.build.hot_set import HotSet
from hybrid_recs.offline.build.index import build_index
from hybrid_recs.offline.build.options import BuildOptions
from hybrid_recs.offline.build.precompute import LIST_DEPTH, neighbour_lists
from hybrid_recs.offline.training.content_placement import PlacedItems
from hybrid_recs.types import ProgressCallback, no_progress


def write_items(folder: Path, placed: PlacedItems) -> None:
    """The catalogue, and what places further items in it."""
    items = placed.data.items
    write_catalogue(
        folder,
        items["item"].to_list(),
        items["title"].fill_null("").to_list(),
        items["categories"].to_list(),
        placed.data.popularity,
    )
    if placed.encoder is not None:
        placed.encoder.save(folder)


def write_model(folder: Path, placed: PlacedItems, options: BuildOptions) -> IndexInfo:
    """Vectors, tilt, co-visits, the trend and the FAISS index."""
    scorer = placed.scorer
    save_array(folder / VECTORS_FILE, scorer.vectors)
    save_array(folder / TILT_FILE, scorer.tilt)
    scorer.covisits.save(folder)
    scorer.trending.save(folder)
    return build_index(folder / INDEX_FILE, scorer.vectors, scorer.tilt, options, placed.data.n_vectors)


def write_hot_lists(
    folder: Path, scorer: Scorer, index: IndexInfo, hot: HotSet, on_progress: ProgressCallback = no_progress
) -> None:
    """The precomputed neighbour lists; the index is written already."""
    searched = FaissIndex(folder / INDEX_FILE, index.search)
    NeighbourLists.write(
        folder, hot.rows, neighbour_lists(scorer, hot.rows, on_progress=on_progress, index=searched)
    )


def describe(
    generation: str,
    parent: str | None,
    dataset: DatasetInfo,
    placed: PlacedItems,
    index: IndexInfo,
    scoring: ScoringInfo,
    hot: HotSet,
    options: BuildOptions,
) -> Manifest:
    """The manifest, as far as it is known before the build is measured and sealed."""
    return Manifest(
        id=generation,
        parent=parent,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        dataset=dataset,
        settings=options.as_json(),
        settings_digest=options.digest(),
        versions=library_versions(),
        items=len(placed.data.items),
        vectors=len(placed.scorer.vectors),
        learned=placed.data.n_vectors,
        dimensions=placed.scorer.vectors.shape[1],
        hot_items=len(hot.rows),
        list_depth=LIST_DEPTH,
        index=index,
        scoring=scoring,
        content=placed.info,
    )
