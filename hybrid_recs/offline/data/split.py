"""Splits a dataset into an earlier part to learn from and later steps to test on."""

from dataclasses import dataclass, replace

import polars as pl

from hybrid_recs.offline.data.dataset import Dataset

_LATEST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Split:
    """earlier: the part to learn from. steps: `user`, `place` (of the target in the whole history), `source`
    and `target`: an item and the one that follows it. later: `user` and `place` of the first held-out item.
    """

    earlier: Dataset
    steps: pl.DataFrame
    later: pl.DataFrame


def split_latest(dataset: Dataset) -> Split:
    """Hold out the last 10 % of interactions by time; without times, the last item of each user.

    A step's source is the item directly before the target, whether it is held out or not.
    """
    pairs = dataset.pairs
    if dataset.timed:
        cut = pairs["time"].quantile(1 - _LATEST_SHARE, "lower")
        later = pl.col("time") > cut
    else:
        later = pl.int_range(pl.len()).over("user") == pl.len().over("user") - 1
        later &= pl.len().over("user") > 1
    marked = pairs.with_columns(
        later=later, source=pl.col("item").shift().over("user"), place=pl.int_range(pl.len()).over("user")
    )
    steps = marked.filter("later").drop_nulls("source").select("user", "place", "source", target="item")
    earlier = marked.filter(~pl.col("later")).drop("later", "source", "place")
    first = marked.filter("later").group_by("user").agg(pl.col("place").min()).sort("user")
    return Split(replace(dataset, pairs=earlier), steps, first)
