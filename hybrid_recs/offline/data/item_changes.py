"""Folds into a dataset what was said of items since it was written: new items, new words for old ones."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from hybrid_recs.items.item_change import ItemChange
from hybrid_recs.offline.data.interactions import Dataset
from hybrid_recs.offline.data.items import SCHEMA

_SAID = ("title", "categories", "text")


def with_changes(dataset: Dataset, changes: Sequence[ItemChange]) -> Dataset:
    """The dataset with the latest word on every item: what a change says goes before the items table.

    New items join the catalogue; with interactions by now they are learned like any other, else placed by
    their metadata. Vectors that were given are left out: they are of the space of another fit. Hidden items
    stay in: they may be asked about, and visitors did meet them.
    """
    described = [change for change in changes if change.described_seq]
    said = pl.DataFrame(
        {
            "item": [change.item_id for change in described],
            **{name: [getattr(change.metadata, name, None) for change in described] for name in _SAID},
        },
        schema=SCHEMA,
    )
    items = dataset.items.join(said, on="item", how="full", coalesce=True, suffix="_said")
    latest = [pl.coalesce(f"{name}_said", name).alias(name) for name in _SAID]
    items = items.select("item", *latest).with_columns(pl.col("categories").fill_null([])).sort("item")
    return replace(dataset, items=items.cast(SCHEMA))


def last_of(changes: Sequence[ItemChange]) -> int:
    """The number of the last of them; 0 of none."""
    return max((change.seq for change in changes), default=0)
