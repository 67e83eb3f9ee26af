"""Writes the parts of a generation into its staging folder."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from hybrid_recs.generation.arrays import save_array
from hybrid_recs.generation.catalogue import write_catalogue
from hybrid_recs.generation.generation import BOOSTS_FILE, INDEX_FILE, VECTORS_FILE
from hybrid_recs.generation.manifest import DatasetInfo, IndexInfo, Manifest, ScoringInfo, library_versions
from hybrid_recs.generation.neighbour_lists import NeighbourLists
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.generation.vector_index import FaissIndex
from hybrid_recs.offline.build.hot_set import HotSet
from hybrid_recs.offline.build.index import build_index
from hybrid_recs.offline.build.precompute import LIST_DEPTH, neighbour_lists
from hybrid_recs.offline.training.content_placement import PlacedItems
from hybrid_recs.settings import Settings
from hybrid_recs.types import ProgressCallback, no_progress

# What a generation depends on; the rest of the settings is about serving it.
_OF_THE_BUILD = {
    "dimensions", "seed", "max_history", "covisit_weight", "tilt", "steps", "half_life",
    "trend_half_life", "session_decay", "session_weight", "session_trend",
    "user_decay", "user_weight", "user_trend", "exact_below", "ann_recall", "hot_share",
    "hot_max_items", "hot_max_mb",
}  # fmt: skip


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


def write_model(folder: Path, placed: PlacedItems, settings: Settings) -> IndexInfo:
    """Vectors, tilt, co-visits, the trend and the FAISS index."""
    scorer = placed.scorer
    save_array(folder / VECTORS_FILE, scorer.vectors)
    save_array(folder / BOOSTS_FILE, scorer.boosts)
    scorer.covisits.save(folder)
    scorer.trend.save(folder)
    return build_index(
        folder / INDEX_FILE,
        scorer.vectors,
        scorer.boosts,
        settings.exact_below,
        settings.ann_recall,
        settings.seed,
        learned=placed.data.n_vectors,
    )


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
    settings: Settings,
) -> Manifest:
    """The manifest, as far as it is known before the build is measured and sealed."""
    used = settings.model_dump(mode="json", include=_OF_THE_BUILD)
    return Manifest(
        id=generation,
        parent=parent,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        dataset=dataset,
        settings=used,
        settings_digest=hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest(),
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
