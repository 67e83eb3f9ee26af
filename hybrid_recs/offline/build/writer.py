"""Writes the parts of a generation into its staging folder."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from hybrid_recs.generation.arrays import save_array
from hybrid_recs.generation.catalogue import write_catalogue
from hybrid_recs.generation.generation import BOOSTS_FILE, INDEX_FILE, VECTORS_FILE
from hybrid_recs.generation.manifest import DatasetInfo, IndexInfo, Manifest, ScoringInfo, library_versions
from hybrid_recs.generation.neighbour_lists import NeighbourLists
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.generation.table_values import Hashes, value_hash, write_table_values
from hybrid_recs.generation.variants import Variant, write_variants
from hybrid_recs.generation.vector_index import FaissIndex
from hybrid_recs.offline.build.hot_set import HotSet
from hybrid_recs.offline.build.index import build_index
from hybrid_recs.offline.build.options import BuildOptions
from hybrid_recs.offline.build.precompute import LIST_DEPTH, precompute_lists
from hybrid_recs.offline.training.content_vectors import CompleteModel
from hybrid_recs.types import METADATA_FIELDS, ProgressCallback, Rows, no_progress


def write_items(folder: Path, model: CompleteModel, edited: Mapping[str, Hashes] | None = None) -> None:
    """The catalogue, its variants, what the items table said, and the content encoder.

    edited: hashes of what it said of the items that were edited since.
    """
    items = model.data.items
    write_catalogue(
        folder,
        items["item"].to_list(),
        items["title"].fill_null("").to_list(),
        items["categories"].to_list(),
        model.data.popularity,
    )
    write_variants(folder, _variants(model))
    write_table_values(folder, edited or {}, items["text"].to_list(), model.data.unlisted)
    if model.encoder is not None:
        model.encoder.save(folder)


def _variants(model: CompleteModel) -> list[Variant]:
    items, variants = model.data.items["item"], model.data.variants
    row_of = {item: row for row, item in enumerate(items)} if len(variants) else {}
    return [
        Variant(
            item_id=variant["item"],
            title=variant["title"],
            row=row_of[variant["representative"]],
            listed=variant["available"] is not False,
            hashes={name: value_hash(variant[name]) for name in METADATA_FIELDS},
        )
        for variant in variants.iter_rows(named=True)
    ]


def write_model(folder: Path, model: CompleteModel, options: BuildOptions) -> IndexInfo:
    """Vectors, boosts, co-visits, the trend and the FAISS index; returns how the index searches."""
    scorer = model.scorer
    save_array(folder / VECTORS_FILE, scorer.vectors)
    save_array(folder / BOOSTS_FILE, scorer.boosts)
    scorer.covisits.save(folder)
    scorer.trend.save(folder)
    return build_index(folder / INDEX_FILE, scorer.vectors, scorer.boosts, options, model.data.n_vectors)


def write_hot_lists(
    folder: Path,
    scorer: Scorer,
    index: IndexInfo,
    hot: HotSet,
    unlisted: Rows,
    on_progress: ProgressCallback = no_progress,
) -> None:
    """The precomputed neighbour lists, without unlisted rows; the index must be written before."""
    faiss_index = FaissIndex(folder / INDEX_FILE, index.search)
    kept_out = frozenset(unlisted.tolist())
    NeighbourLists.write(
        folder,
        hot.rows,
        precompute_lists(
            scorer,
            hot.rows,
            on_progress=on_progress,
            index=faiss_index,
            unlisted=kept_out,
        ),
    )


def describe(
    generation: str,
    parent: str | None,
    dataset: DatasetInfo,
    model: CompleteModel,
    index: IndexInfo,
    scoring: ScoringInfo,
    hot: HotSet,
    options: BuildOptions,
) -> Manifest:
    """The manifest without the figures that are measured later and the files that sealing adds."""
    return Manifest(
        id=generation,
        parent=parent,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        dataset=dataset,
        settings=options.as_json(),
        settings_digest=options.digest(),
        versions=library_versions(),
        items=len(model.data.items),
        vectors=len(model.scorer.vectors),
        learned=model.data.n_vectors,
        dimensions=model.scorer.vectors.shape[1],
        hot_items=len(hot.rows),
        list_depth=LIST_DEPTH,
        index=index,
        scoring=scoring,
        content=model.info,
    )
