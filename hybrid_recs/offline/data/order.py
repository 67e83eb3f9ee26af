"""Whether the order of a user's rows carries information."""

from typing import cast

import polars as pl


def sorted_by_item(pairs: pl.DataFrame) -> bool:
    """Whether users' rows are sorted by item, so that their order carries no information."""
    number = pl.col("item").cast(pl.Float64, strict=False)
    steps = pairs.select(text=_rises(pl.col("item")), number=_rises(number)).drop_nulls("text")
    readings = [steps["text"], steps["number"].drop_nulls()]
    enough = [rises for rises in readings if len(rises) > len(steps) / 2]
    return any(share > 0.95 or share < 0.05 for share in (cast(float, rises.mean()) for rises in enough))


def _rises(column: pl.Expr) -> pl.Expr:
    same_user = pl.col("user") == pl.col("user").shift()
    return pl.when(same_user).then(column > column.shift())
