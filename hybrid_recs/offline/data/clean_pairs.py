"""Reads interactions as clean (user, item) pairs, with a count of what became of every row.

Streamed: memory grows with the distinct pairs, not with the rows.
"""

import time
from dataclasses import dataclass, field, replace
from typing import cast

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.crawlers import REASON as CRAWLER
from hybrid_recs.offline.data.crawlers import Crawler, Crawlers, find_crawlers, require_few
from hybrid_recs.offline.data.interactions import scan_labelled
from hybrid_recs.offline.data.items import read_counted_items
from hybrid_recs.offline.data.order import Order, judge_order
from hybrid_recs.offline.data.overlap import require_overlap
from hybrid_recs.offline.data.pair_counts import count_users
from hybrid_recs.offline.data.stray_times import TimeBounds, count_by_hour, stray_bounds
from hybrid_recs.offline.data.unreadable import require_readable
from hybrid_recs.offline.sources.bad_lines import REASON
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.offline.sources.read_errors import explained
from hybrid_recs.offline.sources.tables import bad_lines

PAIR_AGGREGATES = (
    pl.col("time").max(),
    pl.col("order").max(),
    pl.col("weight").sum(),
    pl.len().cast(pl.UInt32).alias("count"),
)
_MICROSECONDS = 1_000_000

_DROPPED = {"reason": pl.String, "len": pl.UInt32, "first": pl.Int64}
_HOURS = {"hour": pl.Float64, "first": pl.Float64, "last": pl.Float64, "rows": pl.UInt32}


@dataclass(frozen=True, slots=True)
class InputStats:
    """Rows read, kept and dropped by reason; the manifest records them under these names.

    pairs: before histories are capped. first_time, last_time: seconds since 1970. order: whether the order
        of a user's rows carries information. stray_times: some of those dropped, in seconds since 1970.
        crawlers: visitors left out, and some of them. first_dropped: the order of the first row that is
        dropped for each reason. items_dropped: rows of the items table, by reason. variants: items that are
        learned as another of their product.
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
    order: Order | None = None
    stray_times: tuple[float, ...] = ()
    crawlers: int = 0
    crawler_examples: tuple[Crawler, ...] = ()
    first_dropped: dict[str, int] = field(default_factory=dict)
    items_dropped: dict[str, int] = field(default_factory=dict)
    variants: int = 0


@dataclass(frozen=True, slots=True)
class CleanPairs:
    """pairs: as of `Dataset`, but in no order. users: as of `count_users`. items: the items table. order: the
    verdict on the rows'. rows_by_hour: `first`, `last` and `rows` of every hour."""

    pairs: pl.DataFrame
    users: pl.DataFrame
    items: pl.DataFrame
    stats: InputStats
    order: Order
    rows_by_hour: pl.DataFrame


def read_pairs(config: DatasetConfig, now: float | None = None) -> CleanPairs:
    """Read, clean and count; raises DatasetError when nothing usable is left.

    now: seconds since 1970, beyond which times are stray; default: the present.
    """
    dropped, pairs, hours = _collect(config, None)
    bounds = stray_bounds(hours, now or time.time(), config.keep_stray_times)
    if bounds:
        # Rare, so that the usual input is read once.
        dropped, pairs, _ = _collect(config, bounds)
    stats = _row_stats(int(pairs["count"].sum()), _with_bad_lines(config, dropped), bounds)
    require_readable(config, stats.dropped, stats.rows_kept)
    if pairs.is_empty():
        read = ", ".join(table.shown for table in config.interactions)
        reasons = ", ".join(f"{n:,} {why}" for why, n in stats.dropped.items()) or "the files hold no rows"
        raise DatasetError(f"{read}: no interaction is left of {stats.rows_read:,} rows ({reasons})")
    items, items_dropped = read_counted_items(config)
    require_overlap(config, pairs["item"], pl.concat([items["item"], items["group"].drop_nulls()]))
    order, users = judge_order(pairs, config.timed, config.order), count_users(pairs)
    if not config.keep_crawlers:
        crawlers = find_crawlers(config, pairs, order, users)
        if len(crawlers.users):
            require_few(config, crawlers, len(users))
            pairs = pairs.filter(~pl.col("user").is_in(crawlers.users.implode()))
            stats = _without_crawlers(stats, crawlers)
            order, users = judge_order(pairs, config.timed, config.order), count_users(pairs)
    stats = replace(
        stats,
        order=order,
        items_dropped=items_dropped,
        first_time=cast(float | None, pairs["time"].min()),
        last_time=cast(float | None, pairs["time"].max()),
    )
    return CleanPairs(pairs, users, items, stats, order, hours)


def _without_crawlers(stats: InputStats, crawlers: Crawlers) -> InputStats:
    return replace(
        stats,
        rows_kept=stats.rows_kept - crawlers.rows,
        dropped=stats.dropped | {CRAWLER: crawlers.rows},
        crawlers=len(crawlers.users),
        crawler_examples=crawlers.examples,
    )


def _collect(
    config: DatasetConfig, bounds: TimeBounds | None
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Rows dropped by reason, the pairs, and rows by hour, in one pass."""
    tally = _Tally()
    with explained(config.sources):
        labelled = scan_labelled(config, bounds)
        schema = labelled.drop("reason").collect_schema()
        kept = labelled.map_batches(tally, schema=schema, streamable=True)
        pairs = kept.group_by("user", "item").agg(*PAIR_AGGREGATES, *_of_baskets(config))
        collected = pairs.collect(engine="streaming")
    return tally.dropped(), collected, tally.hours()


class _Tally:
    """Counts the rows that pass through it and lets those that are kept go on.

    Three plans in one query would read the files three times.
    """

    def __init__(self) -> None:
        self._dropped: list[pl.DataFrame] = []
        self._hours: list[pl.DataFrame] = []

    def __call__(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Of a part of the rows; may be called by several threads."""
        kept = rows.drop("reason")
        if rows["reason"].null_count() < len(rows):
            dropped = rows.drop_nulls("reason").group_by("reason")
            self._dropped.append(dropped.agg(pl.len(), first=pl.col("order").min()))
            kept = rows.filter(pl.col("reason").is_null()).drop("reason")
        self._hours.append(count_by_hour(kept.lazy()).collect())
        return kept

    def dropped(self) -> pl.DataFrame:
        """`reason`, `len` and `first`."""
        parts = [part.cast({"reason": pl.String}) for part in self._dropped]
        united = pl.concat(parts) if parts else pl.DataFrame(schema=_DROPPED)
        return united.group_by("reason").agg(pl.col("len").sum(), pl.col("first").min())

    def hours(self) -> pl.DataFrame:
        """As `count_by_hour` of all."""
        united = pl.concat(self._hours) if self._hours else pl.DataFrame(schema=_HOURS)
        return united.group_by("hour").agg(pl.col("first").min(), pl.col("last").max(), pl.col("rows").sum())


def _of_baskets(config: DatasetConfig) -> list[pl.Expr]:
    """The basket of the latest row of a pair that names one, where the description has a column for it."""
    # By time and then by order, as one number: unlike a sort it keeps no list of a pair's rows.
    stamp = (pl.col("time").fill_null(0) * _MICROSECONDS).cast(pl.Int128) * 2**63 + pl.col("order")
    latest = pl.col("basket").max_by(pl.when(pl.col("basket").is_not_null()).then(stamp))
    return [latest] if any(table.basket for table in config.sources) else []


def _with_bad_lines(config: DatasetConfig, dropped: pl.DataFrame) -> pl.DataFrame:
    """Rows dropped by reason, and the lines of the files that are no rows."""
    found = [bad.count for table in config.sources for bad in bad_lines(config, table)]
    if not found:
        return dropped
    bad = {"reason": [REASON], "len": [sum(found)], "first": [None]}
    return dropped.vstack(pl.DataFrame(bad, schema=dropped.schema))


def _row_stats(n_kept: int, dropped: pl.DataFrame, bounds: TimeBounds | None) -> InputStats:
    by_count = dropped.sort("len", "reason", descending=[True, False])
    first = dropped.drop_nulls().sort("first", "reason")
    return InputStats(
        rows_read=n_kept + int(dropped["len"].sum()),
        rows_kept=n_kept,
        dropped=dict(by_count.select("reason", "len").iter_rows()),
        stray_times=bounds.examples if bounds else (),
        first_dropped=dict(first.select("reason", "first").iter_rows()),
    )
