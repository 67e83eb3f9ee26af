"""Applies item edits to a dataset: new items, and new metadata of known ones.

An edited field gives way when the items table says something else of it than it did when the edit was made.
Edits that were made on another dataset are left alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from hybrid_recs.generation.table_values import Hashes, value_hash
from hybrid_recs.items.item_change import ItemChange, ItemMetadata
from hybrid_recs.offline.data.dataset import Dataset
from hybrid_recs.offline.data.items import SCHEMA
from hybrid_recs.offline.data.variants import VARIANTS
from hybrid_recs.types import METADATA_FIELDS

_COLUMNS = ("item", *METADATA_FIELDS)


@dataclass(frozen=True, slots=True)
class EditedDataset:
    """dataset: with the edits. table_hashes: of what the table says of every edited item. gave_way: fields
    whose edits the table overrides. of_others: items edited on another dataset."""

    dataset: Dataset
    table_hashes: Mapping[str, Hashes]
    gave_way: int
    of_others: int

    @property
    def summary(self) -> str:
        """What became of the edits; empty without any."""
        parts = [
            f"{len(self.table_hashes):,} edited items" if self.table_hashes else "",
            f"{self.gave_way:,} edited fields gave way to the items table" if self.gave_way else "",
            f"{self.of_others:,} edits are of another dataset" if self.of_others else "",
        ]
        return "; ".join(part for part in parts if part)


def with_changes(dataset: Dataset, changes: Sequence[ItemChange]) -> EditedDataset:
    """The dataset with the edits of its items over the items table.

    New items join the catalogue; those that have interactions by now are learned like any other, the others
    are embedded from their metadata. Vectors given by clients are left out: they belong to the vector space
    of another fit. Hidden items stay in: they may be queried, and visitors did interact with them.
    """
    own = [change for change in changes if change.is_of(dataset.name)]
    described = [change for change in own if change.described_seq]
    hashes = _table_hashes(dataset, described)
    metadata = [_in_force(change, hashes[change.item_id]) for change in described]
    gave_way = sum(
        getattr(change.metadata or left, name) is not None and getattr(left, name) is None
        for change, left in zip(described, metadata, strict=True)
        for name in METADATA_FIELDS
    )
    edits = pl.DataFrame(
        {"item": [change.item_id for change in described]}
        | {name: [getattr(fields, name) for fields in metadata] for name in METADATA_FIELDS},
        schema={name: SCHEMA[name] for name in _COLUMNS},
    )
    of_items = edits.join(dataset.variants, on="item", how="anti")
    items = _with_edits(dataset.items, of_items, "full").sort("item").cast(SCHEMA)
    variants = _with_edits(dataset.variants, edits, "left").cast(VARIANTS)
    edited = replace(dataset, items=items, variants=variants)
    return EditedDataset(edited, hashes, gave_way, len(changes) - len(own))


def _with_edits(items: pl.DataFrame, edits: pl.DataFrame, how: Literal["full", "left"]) -> pl.DataFrame:
    joined = items.join(edits, on="item", how=how, coalesce=True, suffix="_edited", maintain_order="left")
    latest = [pl.coalesce(f"{name}_edited", name).alias(name) for name in METADATA_FIELDS]
    return joined.with_columns(*latest).select(items.columns).with_columns(pl.col("categories").fill_null([]))


def last_sequence_number(changes: Sequence[ItemChange]) -> int:
    """The number of the latest change; 0 without changes."""
    return max((change.seq for change in changes), default=0)


def _table_hashes(dataset: Dataset, changes: Sequence[ItemChange]) -> dict[str, Hashes]:
    edited = pl.Series("item", [change.item_id for change in changes], pl.String)
    table = pl.concat([dataset.items.select(*_COLUMNS), dataset.variants.select(*_COLUMNS)])
    said = table.filter(pl.col("item").is_in(edited.implode()))
    nothing = {name: value_hash(None) for name in METADATA_FIELDS}
    hashes: dict[str, Hashes] = dict.fromkeys(edited, nothing)
    for item, *values in said.iter_rows():
        hashes[item] = {name: value_hash(value) for name, value in zip(METADATA_FIELDS, values, strict=True)}
    return hashes


def _in_force(change: ItemChange, table: Hashes) -> ItemMetadata:
    """The edited fields that the table has said nothing new of."""
    fields = change.metadata or ItemMetadata()
    return ItemMetadata(
        **{
            name: getattr(fields, name) if change.base.get(name, table[name]) == table[name] else None
            for name in METADATA_FIELDS
        }
    )
