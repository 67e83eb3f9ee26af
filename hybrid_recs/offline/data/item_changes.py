"""Applies item edits that are newer than the dataset: new items, and new metadata of known ones."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from hybrid_recs.items.item_change import ItemChange, ItemMetadata
from hybrid_recs.offline.data.dataset import Dataset
from hybrid_recs.offline.data.items import SCHEMA

_METADATA = ("title", "categories", "text")


def with_changes(dataset: Dataset, changes: Sequence[ItemChange]) -> Dataset:
    """The dataset with the latest metadata of every item: a change takes precedence over the items table.

    New items join the catalogue; those that have interactions by now are learned like any other, the others
    are embedded from their metadata. Vectors given by clients are left out: they belong to the vector space
    of another fit. Hidden items stay in: they may be queried, and visitors did interact with them.
    """
    described = [change for change in changes if change.described_seq]
    metadata = [change.metadata or ItemMetadata() for change in described]
    edits = pl.DataFrame(
        {
            "item": [change.item_id for change in described],
            "title": [fields.title for fields in metadata],
            "categories": [fields.categories for fields in metadata],
            "text": [fields.text for fields in metadata],
        },
        schema=SCHEMA,
    )
    items = dataset.items.join(edits, on="item", how="full", coalesce=True, suffix="_edited")
    latest = [pl.coalesce(f"{name}_edited", name).alias(name) for name in _METADATA]
    items = items.select("item", *latest).with_columns(pl.col("categories").fill_null([])).sort("item")
    return replace(dataset, items=items.cast(SCHEMA))


def last_sequence_number(changes: Sequence[ItemChange]) -> int:
    """The number of the latest change; 0 without changes."""
    return max((change.seq for change in changes), default=0)
