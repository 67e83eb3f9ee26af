"""A dataset as it is learned from: clean pairs in order, with histories of bounded length."""

from dataclasses import dataclass, field, replace
from typing import cast

import polars as pl

from hybrid_recs.offline.data.clean_pairs import PAIR_AGGREGATES, InputStats, read_pairs
from hybrid_recs.offline.data.order import Order, in_order
from hybrid_recs.offline.data.variants import no_variants, pool_pairs, split_variants
from hybrid_recs.offline.sources.dataset_config import DatasetConfig

__all__ = ["Dataset", "InputStats", "dataset_from_rows", "read_dataset"]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Clean input.

    pairs: `user`, `item` (text), `time` (seconds or null), `order` (place in the input), `weight`
        (summed), `count` (rows), by user and in order; where there is none, in a random one. A repeated pair
        has its latest time and order, and `basket` (a number or null) if a table has that key.
    items: `item`, `title`, `categories`, `text`, `available` of the items table (empty without one).
    variants: the same columns of the items that are learned as another of their product, `representative`,
        which alone is in pairs and items.
    ordered: whether the order within a user carries information. only_listed: whether items that are not in
        the items table must not be recommended.
    """

    name: str
    pairs: pl.DataFrame
    items: pl.DataFrame
    stats: InputStats
    timed: bool
    ordered: bool
    only_listed: bool = False
    variants: pl.DataFrame = field(default_factory=no_variants)


def read_dataset(config: DatasetConfig, max_history: int, now: float | None = None) -> Dataset:
    """Read, clean, count and order; raises DatasetError when nothing usable is left.

    now: seconds since 1970, beyond which times are stray; default: the present.
    """
    clean = read_pairs(config, now)
    items, variants = split_variants(clean.pairs, clean.items)
    pairs = pool_pairs(clean.pairs, variants)
    stats = replace(clean.stats, variants=len(variants))
    dataset = _dataset(config.name, pairs, items, stats, config.timed, clean.order, max_history)
    only_listed = config.items is not None and config.items.only_listed
    return replace(dataset, only_listed=only_listed, variants=variants)


def dataset_from_rows(
    name: str, rows: pl.DataFrame, items: pl.DataFrame, timed: bool, order: Order, max_history: int
) -> Dataset:
    """A dataset of rows already read: `user`, `item`, `time`, `order`, `weight`, all of them kept."""
    pairs = rows.group_by("user", "item").agg(*PAIR_AGGREGATES)
    stats = InputStats(rows_read=len(rows), rows_kept=len(rows))
    return _dataset(name, pairs, items, stats, timed, order, max_history)


def _dataset(
    name: str,
    pairs: pl.DataFrame,
    items: pl.DataFrame,
    stats: InputStats,
    timed: bool,
    order: Order,
    max_history: int,
) -> Dataset:
    n_pairs = len(pairs)
    pairs, capped = _cap_histories(in_order(pairs, order), max_history)
    return Dataset(
        name=name,
        pairs=pairs,
        items=items,
        stats=replace(_with_pair_stats(stats, pairs, n_pairs, capped), order=order),
        timed=timed,
        ordered=order.is_informative,
    )


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
