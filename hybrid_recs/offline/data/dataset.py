"""Reads a dataset: interactions united into (user, item) pairs, with a count of what became of every row.

Streamed: memory grows with the distinct pairs, not with the rows.
"""

from dataclasses import dataclass, field, replace
from typing import cast

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.interactions import scan_labelled
from hybrid_recs.offline.data.items import read_items
from hybrid_recs.offline.data.order import sorted_by_item
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.offline.sources.read_errors import explained

_PAIR_AGGREGATES = (
    pl.col("time").max(),
    pl.col("order").max(),
    pl.col("weight").sum(),
    pl.len().cast(pl.UInt32).alias("count"),
)


@dataclass(frozen=True, slots=True)
class InputStats:
    """Rows read, kept and dropped by reason; the manifest records them under these names.

    pairs: before histories are capped. first_time, last_time: seconds since 1970.
    """

    rows_read: int
    rows_kept: int
    dropped: dict[str, int] = field(default_factory=dict)
    users: int = 0
    items: int = 0
    pairs: int = 0
    users_capped: int = 0
    first_time: float | None = None
    last_time: float | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Clean input.

    pairs: `user`, `item` (text), `time` (seconds or null), `order` (place in the input), `weight`
        (summed), `count` (rows), by user and then by time and order. A repeated pair has its latest time and
        order.
    items: `item`, `title`, `categories`, `text` of the items table (empty without one).
    ordered: whether the order within a user carries information.
    """

    name: str
    pairs: pl.DataFrame
    items: pl.DataFrame
    stats: InputStats
    timed: bool
    ordered: bool


def read_dataset(config: DatasetConfig, max_history: int) -> Dataset:
    """Read, clean and count; raises DatasetError when nothing usable is left."""
    read = ", ".join(table.path for table in config.interactions)
    with explained(config.sources):
        labelled = scan_labelled(config)
        kept = labelled.filter(pl.col("reason").is_null())
        pairs_plan = kept.group_by("user", "item").agg(*_PAIR_AGGREGATES)
        counts, pairs = pl.collect_all([labelled.group_by("reason").len(), pairs_plan], engine="streaming")
    stats = _row_stats(counts)
    if pairs.is_empty():
        reasons = ", ".join(f"{n:,} {why}" for why, n in stats.dropped.items()) or "the files hold no rows"
        raise DatasetError(f"{read}: no interaction is left of {stats.rows_read:,} rows ({reasons})")
    items = read_items(config)
    return _dataset(config.name, pairs, items, stats, config.timed, max_history)


def dataset_from_rows(
    name: str, rows: pl.DataFrame, items: pl.DataFrame, timed: bool, max_history: int
) -> Dataset:
    """A dataset of rows already read: `user`, `item`, `time`, `order`, `weight`, all of them kept."""
    pairs = rows.group_by("user", "item").agg(*_PAIR_AGGREGATES)
    stats = InputStats(rows_read=len(rows), rows_kept=len(rows))
    return _dataset(name, pairs, items, stats, timed, max_history)


def _dataset(
    name: str, pairs: pl.DataFrame, items: pl.DataFrame, stats: InputStats, timed: bool, max_history: int
) -> Dataset:
    n_pairs = len(pairs)
    pairs, capped = _cap_histories(pairs.sort("user", "time", "order", "item"), max_history)
    return Dataset(
        name=name,
        pairs=pairs,
        items=items,
        stats=_with_pair_stats(stats, pairs, n_pairs, capped),
        timed=timed,
        ordered=timed or not sorted_by_item(pairs),
    )


def _row_stats(counts: pl.DataFrame) -> InputStats:
    by_reason: dict[str | None, int] = dict(counts.iter_rows())
    kept = by_reason.pop(None, 0)
    dropped = {str(why): n for why, n in sorted(by_reason.items(), key=lambda pair: -pair[1])}
    return InputStats(rows_read=kept + sum(dropped.values()), rows_kept=kept, dropped=dropped)


def _with_pair_stats(stats: InputStats, pairs: pl.DataFrame, n_pairs: int, capped: int) -> InputStats:
    return replace(
        stats,
        users=pairs["user"].n_unique(),
        items=pairs["item"].n_unique(),
        pairs=n_pairs,
        users_capped=capped,
        first_time=cast(float | None, pairs["time"].min()),
        last_time=cast(float | None, pairs["time"].max()),
    )


def _cap_histories(pairs: pl.DataFrame, limit: int) -> tuple[pl.DataFrame, int]:
    """The latest `limit` items of each user, and how many users had more."""
    behind = pl.len().over("user") - pl.int_range(pl.len()).over("user")
    capped = pairs.group_by("user").len().filter(pl.col("len") > limit).height
    return (pairs.filter(behind <= limit) if capped else pairs), capped
