"""What was interacted with together."""

import polars as pl

from hybrid_recs.offline.data.dataset import Dataset

PAUSE_SECONDS = 30 * 60


def baskets_of(dataset: Dataset) -> pl.Series:
    """For each pair the number of its basket, from 0; a basket belongs to one user.

    By the `basket` column of the dataset.toml (the last one that the pair was in). What is in none by pauses
    of more than 30 minutes; without times all of a user's is together.
    """
    pairs = dataset.pairs
    if "basket" not in pairs.columns:
        return _visits(pairs, dataset.timed)
    rows = pairs.select("user", "time", "basket").with_row_index("row")
    unnamed = rows.filter(pl.col("basket").is_null())
    visits = unnamed.select("row", visit=_visits(unnamed, dataset.timed))
    keys = rows.join(visits, on="row", how="left", maintain_order="left")
    return keys.select(basket=pl.struct("user", "basket", "visit").rank("dense") - 1).to_series()


def _visits(pairs: pl.DataFrame, timed: bool) -> pl.Series:
    starts = pl.col("user") != pl.col("user").shift()
    if timed:
        starts |= pl.col("time") - pl.col("time").shift() > PAUSE_SECONDS
    return pairs.select(basket=starts.fill_null(True).cum_sum() - 1).to_series()
