"""What was interacted with together."""

import polars as pl

from hybrid_recs.offline.data.dataset import Dataset

PAUSE_SECONDS = 30 * 60


def baskets_of(dataset: Dataset) -> pl.Series:
    """For each pair the number of its basket, from 0; a basket belongs to one user.

    By the `basket` column of the dataset.toml (the last one that the pair was in), else a user's rows that
    are at most 30 minutes apart; without times all of a user's rows.
    """
    pairs = dataset.pairs
    starts = pl.col("user") != pl.col("user").shift()
    if "basket" in pairs.columns:
        return pairs.select(basket=pl.struct("user", "basket").rank("dense") - 1).to_series()
    if dataset.timed:
        starts |= pl.col("time") - pl.col("time").shift() > PAUSE_SECONDS
    return pairs.select(basket=starts.fill_null(True).cum_sum() - 1).to_series()
