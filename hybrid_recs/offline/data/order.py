"""Whether the order of a user's rows carries information, and the rows in that order.

A file without times is often sorted by some id; then what comes last in a history says nothing. Where people
move both ways between two items, a real order shows item pairs in both directions; a sorted one never does.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hybrid_recs.types import Rows

OrderRule = Literal["file", "none"]
OrderKind = Literal["time", "stamps", "file", "none"]

_MIN_PAIRS = 200
_MIN_SHARE_OF_SHUFFLED = 0.1
_MAX_ROWS = 2_000_000
_SEED = 0
_DESCRIPTION: dict[OrderKind, str] = {
    "time": "in the order of time",
    "stamps": "in the order of time, at random within one time",
    "file": "in the order of the files",
    "none": "without an order",
}


@dataclass(frozen=True, slots=True)
class Order:
    """The verdict on a dataset, and what it rests on.

    kind: time: by time and, at equal times, by place in the files. stamps: by time, but the rows that a user
        has at one time are in no order. file: by place in the files. none: in no order at all.
    pairs: item pairs that are adjacent at least twice; of rows with equal times where times differ.
    reversed: the share of those that are adjacent the other way round, too; shuffled: the same after a
        shuffle of each user's rows. None where there are no such pairs.
    """

    kind: OrderKind
    pairs: int = 0
    reversed: float | None = None
    shuffled: float | None = None

    @property
    def is_informative(self) -> bool:
        """Whether what follows what in a history means anything."""
        return self.kind != "none"

    @property
    def text(self) -> str:
        return _DESCRIPTION[self.kind]


def judge_order(
    pairs: pl.DataFrame, timed: bool, rule: OrderRule | None = None, max_rows: int = _MAX_ROWS
) -> Order:
    """The verdict on `user`, `item`, `time` and `order`; `rule` overrules it.

    Times that differ within most users are an order; then only rows of equal times are tested. Other rows
    have one if the test finds it: with too few item pairs to tell, they have none. max_rows: of the sample
    that is looked at.
    """
    by_time: OrderKind = "time" if timed else "file"
    if rule is not None:
        return Order("none" if rule == "none" else by_time)
    # Users in any order, but each one's rows together: numbers sort faster than names.
    sample = _sample(pairs, max_rows).sort(pl.col("user").hash(_SEED), "time", "order", "item")
    users, stamps, items = _codes(sample)
    if timed and _differ_within_most(users, stamps):
        found = _reversals(stamps, items)
        return _order("stamps" if found.is_artefact else "time", found)
    found = _reversals(users, items)
    return _order(by_time if found.is_enough and not found.is_artefact else "none", found)


def in_order(rows: pl.DataFrame, order: Order) -> pl.DataFrame:
    """Rows by user and in their order; what has none is shuffled, always the same way."""
    if order.kind in ("time", "file"):
        return rows.sort("user", "time", "order", "item")
    fixed = rows.sort("user", "time", "item", "order")
    chance = pl.Series("__chance", np.random.default_rng(_SEED).random(len(rows)))
    return fixed.with_columns(chance).sort("user", "time", "__chance").drop("__chance")


@dataclass(frozen=True, slots=True)
class _Reversals:
    """Counts of item pairs adjacent at least twice, and the shares adjacent the other way round."""

    pairs: int
    share: float
    shuffled_pairs: int
    shuffled_share: float

    @property
    def is_enough(self) -> bool:
        return self.pairs >= _MIN_PAIRS and self.shuffled_pairs > 0

    @property
    def is_artefact(self) -> bool:
        return self.is_enough and self.share < _MIN_SHARE_OF_SHUFFLED * self.shuffled_share


def _order(kind: OrderKind, found: _Reversals) -> Order:
    return Order(
        kind=kind,
        pairs=found.pairs,
        reversed=round(found.share, 4) if found.pairs else None,
        shuffled=round(found.shuffled_share, 4) if found.shuffled_pairs else None,
    )


def _sample(pairs: pl.DataFrame, max_rows: int) -> pl.DataFrame:
    """All rows of as many users, drawn at random, as have about `max_rows`."""
    if len(pairs) <= max_rows:
        return pairs.select("user", "item", "time", "order")
    one_in = -(-len(pairs) // max_rows)
    return pairs.select("user", "item", "time", "order").filter(pl.col("user").hash(_SEED) % one_in == 0)


def _codes(sample: pl.DataFrame) -> tuple[Rows, Rows, Rows]:
    """Per row: its user, its user and time, and its item, as ascending numbers; rows are sorted by those."""
    users = sample["user"].rle_id()
    stamps = sample.select(pl.struct("user", "time").rle_id()).to_series()
    items = sample["item"].cast(pl.Categorical).to_physical()
    return tuple(codes.cast(pl.Int64).to_numpy() for codes in (users, stamps, items))  # type: ignore[return-value]


def _differ_within_most(users: Rows, stamps: Rows) -> bool:
    """Whether more than half of the users of several rows have rows at several times."""
    n = int(users[-1]) + 1 if len(users) else 0
    rows = np.bincount(users, minlength=n)
    changes = np.bincount(users[1:][(np.diff(users) == 0) & (np.diff(stamps) > 0)], minlength=n)
    several = rows > 1
    return bool(np.count_nonzero(changes[several]) > several.sum() / 2)


def _reversals(groups: Rows, items: Rows) -> _Reversals:
    pairs, share = _reversed_share(groups, items)
    if pairs < _MIN_PAIRS:
        return _Reversals(pairs, share, 0, 0.0)
    chance = np.random.default_rng(_SEED).random(len(groups))
    shuffled_pairs, shuffled_share = _reversed_share(groups, items[np.argsort(groups + chance)])
    return _Reversals(pairs, share, shuffled_pairs, shuffled_share)


def _reversed_share(groups: Rows, items: Rows) -> tuple[int, float]:
    """Of item pairs adjacent at least twice within a group: how many, and the share adjacent in reverse."""
    near = (np.diff(groups) == 0) & (np.diff(items) != 0)
    first, second = items[:-1][near].astype(np.uint64), items[1:][near].astype(np.uint64)
    forward, counts = np.unique(_joined(first, second), return_counts=True)
    twice = forward[counts > 1]
    if not len(twice):
        return 0, 0.0
    back = _joined(twice & np.uint64(0xFFFFFFFF), twice >> np.uint64(32))
    place = np.minimum(np.searchsorted(forward, back), len(forward) - 1)
    return len(twice), float((forward[place] == back).mean())


def _joined(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return first << np.uint64(32) | second
