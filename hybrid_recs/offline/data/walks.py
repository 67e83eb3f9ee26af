"""How visitors go from item to item, in figures."""

import polars as pl

_PAUSE = 300  # seconds; who takes longer from item to item follows a series, but walks through no catalogue


def steps_of(pairs: pl.DataFrame, users: pl.Series, clock: bool) -> pl.DataFrame:
    """The pairs of these users in their order: `user`, `item`, `count`, and `seconds` since the one before.

    clock: whether times are fine enough to tell; if not, every item is a second after the one before.
    """
    numbered = users.to_frame("user").with_row_index("code")  # numbers sort faster than texts
    ordered = pairs.join(numbered, on="user").sort("code", "time", "order")
    passed = pl.col("time").diff() if clock else pl.lit(1.0)
    seconds = pl.when(pl.col("code") == pl.col("code").shift()).then(passed)
    return ordered.with_columns(seconds=seconds).select("user", "item", "count", "seconds")


def walks_of(steps: pl.DataFrame) -> pl.DataFrame:
    """Per user: `items`, `rows`, steps to a `later` time, those of them that are `quick` (without a pause),
    the mean `seconds` of those (or null), and a number for the `sequence` of items."""
    seconds, place = pl.col("seconds"), pl.int_range(pl.len(), dtype=pl.UInt64)
    # Rows of one time are a basket or a page, and no steps.
    quick = seconds.is_between(0, _PAUSE, closed="right")
    by_user = steps.with_columns(code=pl.col("item").hash()).group_by("user", maintain_order=True)
    return by_user.agg(
        items=pl.len(),
        rows=pl.col("count").sum(),
        later=(seconds > 0).sum(),
        quick=quick.sum(),
        seconds=seconds.filter(quick).mean(),
        sequence=(pl.col("code") * (2 * place + 1)).sum(),
    )
