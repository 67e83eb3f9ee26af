"""Pairs counted by user and by item, once for all who look at them."""

from dataclasses import dataclass
from typing import cast

import polars as pl


@dataclass(frozen=True, slots=True)
class PairCounts:
    """users: `user`, `items`, `rows`. items: `item`, `users`, `rows`. linked: items that share a user with
    another. total_weight, most_weight: of all pairs and of one."""

    pairs: int
    users: pl.DataFrame
    items: pl.DataFrame
    linked: int
    total_weight: float
    most_weight: float

    @property
    def rows(self) -> int:
        return int(self.items["rows"].sum())

    @property
    def item_rows(self) -> pl.Series:
        """Rows of each item, most first."""
        return self.items["rows"].sort(descending=True)


def count_pairs(pairs: pl.DataFrame) -> PairCounts:
    """pairs: `user`, `item`, `count`, `weight`, in any order."""
    rows = pl.col("count").sum()
    users = pairs.lazy().group_by("user").agg(items=pl.len(), rows=rows)
    items = pairs.lazy().group_by("item").agg(users=pl.len(), rows=rows)
    by_user, by_item = pl.collect_all([users, items], engine="streaming")
    alone = by_user.filter(pl.col("items") == 1)["user"]
    lone = pairs.filter(pl.col("user").is_in(alone.implode())).group_by("item").agg(alone=pl.len())
    linked = by_item.join(lone, on="item", how="left").select(
        (pl.col("users") > pl.col("alone").fill_null(0)).sum()
    )
    return PairCounts(
        pairs=len(pairs),
        users=by_user,
        items=by_item,
        linked=int(linked.item()),
        total_weight=float(pairs["weight"].sum()),
        most_weight=cast(float | None, pairs["weight"].max()) or 0.0,
    )
