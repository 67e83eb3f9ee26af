"""Splits a dataset into an earlier part to learn from and later steps to test on."""

from dataclasses import dataclass, replace
from typing import cast

import polars as pl

from hybrid_recs.offline.data.dataset import Dataset

_LATEST_SHARE = 0.1
_MIN_SHARE, _MAX_SHARE = 0.05, 0.2
_SEED = 0
_RANDOM_ITEM = "there is no order either, and a random item of each user"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Which rows are held out (booleans, one a row), and how they were chosen, as part of a sentence."""

    later: pl.Series
    protocol: str


@dataclass(frozen=True, slots=True)
class Split:
    """earlier: the part to learn from. steps: `user`, `place` (of the target in the whole history), `source`
    and `target`: an item and the one that follows it. later: `user` and `place` of the first held-out item.
    protocol: how they were chosen.
    """

    earlier: Dataset
    steps: pl.DataFrame
    later: pl.DataFrame
    protocol: str


def split_latest(dataset: Dataset) -> Split:
    """Hold out the latest interactions, as `hold_out_latest` does.

    A step's source is the item directly before the target, whether it is held out or not.
    """
    pairs = dataset.pairs
    held_out = hold_out_latest(pairs, dataset.timed, dataset.ordered)
    marked = pairs.with_columns(
        held_out.later.alias("later"),
        source=pl.col("item").shift().over("user"),
        place=pl.int_range(pl.len()).over("user"),
    )
    steps = marked.filter("later").drop_nulls("source").select("user", "place", "source", target="item")
    earlier = marked.filter(~pl.col("later")).drop("later", "source", "place")
    first = marked.filter("later").group_by("user").agg(pl.col("place").min()).sort("user")
    return Split(replace(dataset, pairs=earlier), steps, first, held_out.protocol)


def hold_out_latest(rows: pl.DataFrame, timed: bool, ordered: bool) -> HeldOut:
    """The last 10 % of rows by time; without times, or with a single one, the last row of each user.

    rows: `user` and `time`, by user and in order. Where times are coarse and the last 10 % would be under
    5 %, the time before is held out, too, if that makes at most 20 %; else a random part of the users' rows
    at that time.
    """
    if not timed or rows["time"].n_unique() < 2:
        place, length = pl.int_range(pl.len()).over("user"), pl.len().over("user")
        later = rows.select(later=(place == length - 1) & (length > 1)).to_series()
        chosen = "the last item of each user in the order of the files" if ordered else _RANDOM_ITEM
        return HeldOut(later, f"no time: {chosen} is held out")
    times = rows["time"]
    cut = cast(float, times.quantile(1 - _LATEST_SHARE, "lower"))
    after, reached = (times > cut).fill_null(False), (times >= cut).fill_null(False)
    share, share_reached = cast(float, after.mean()), cast(float, reached.mean())
    if share >= _MIN_SHARE:
        return HeldOut(after, "the last 10 % of interactions by time are held out")
    if share_reached <= _MAX_SHARE:
        return HeldOut(
            reached, f"times are coarse: the last {share_reached:.1%} of interactions are held out"
        )
    at_cut = reached & ~after
    part = (_LATEST_SHARE - share) / (share_reached - share)
    return HeldOut(
        after | (at_cut & rows["user"].is_in(_random_users(rows["user"].filter(at_cut), part).implode())),
        f"times are coarse ({share_reached - share:.1%} of interactions are at one time): of those at that "
        f"time the ones of a random {part:.1%} of users are held out"
        + (", and all later ones" if share else ""),
    )


def _random_users(users: pl.Series, part: float) -> pl.Series:
    distinct = users.unique().sort()
    return distinct.sample(max(1, round(part * len(distinct))), seed=_SEED)
