"""The interactions of a dataset as item requests, oldest first: what a replay sends and a plan counts."""

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.dataset_config import DatasetConfig
from hybrid_recs.offline.data.interactions import labelled_rows
from hybrid_recs.types import SECONDS_PER_DAY


def latest_requests(description: DatasetConfig, days: float) -> list[str]:
    """The items of the interactions of the last `days`, oldest first."""
    times = _in_order(description)
    if not description.timed or times.is_empty():
        raise DatasetError(f"{description.name}: no times, so there is no last month to replay")
    latest = times["time"][-1]
    return times.filter(pl.col("time") > latest - days * SECONDS_PER_DAY)["item"].to_list()


def all_requests(description: DatasetConfig) -> list[str]:
    """The items of all interactions, oldest first; in the order of the files where there are no times."""
    return _in_order(description)["item"].to_list()


def _in_order(description: DatasetConfig) -> pl.DataFrame:
    rows = labelled_rows(description).filter(pl.col("reason").is_null())
    return rows.select("time", "order", "item").collect(engine="streaming").sort("time", "order")
