"""The interactions of a dataset as item requests, oldest first: input of the replay and the cache plan."""

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.interactions import read_interactions
from hybrid_recs.offline.data.items import read_items
from hybrid_recs.offline.data.variants import as_representatives, find_variants
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.types import SECONDS_PER_DAY


def latest_requests(config: DatasetConfig, days: float) -> list[str]:
    """The items of the interactions of the last `days`, oldest first; raises DatasetError without times."""
    requests = _in_order(config)
    if not config.timed or requests.is_empty():
        raise DatasetError(f"{config.name}: the interactions have no times, so the latest cannot be replayed")
    latest = requests["time"][-1]
    return requests.filter(pl.col("time") > latest - days * SECONDS_PER_DAY)["item"].to_list()


def all_requests(config: DatasetConfig) -> list[str]:
    """The items of all interactions, oldest first; in the order of the files where there are no times."""
    return _in_order(config)["item"].to_list()


def _in_order(config: DatasetConfig) -> pl.DataFrame:
    rows = read_interactions(config)
    if config.items is not None and config.items.group:
        counts = rows.group_by("item").agg(count=pl.len())
        rows = as_representatives(rows, find_variants(counts, read_items(config)))
    return rows.select("time", "order", "item").sort("time", "order")
