"""Finds visitors that no person is: programs that walk the catalogue, whose neighbours are its order.

One sign alone is what people do, too: they read long lists, click fast, and start where everybody starts. A
crawler shows at least two.
"""

from dataclasses import dataclass

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.order import Order
from hybrid_recs.offline.sources.masking import masked

REASON = "of a crawler"
_MIN_ITEMS = 20  # of a history that is looked at
_MAX_SECONDS = 5.0  # mean between its times, for as many of them
_MIN_LENGTH, _TIMES_MEDIAN = 200, 20  # items of a history that is long
_MIN_WALK, _MAX_STEP = 0.8, 3  # share of its steps that go on by so many places of the catalogue
_MIN_COPIES = 3
_MIN_SIGNS = 2
_MAX_SHARE = 0.01
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Crawler:
    """One of them. user: masked. items: distinct. seconds: mean between its times, None without times.
    walk: share of its steps that follow the catalogue. copies: visitors with the very same history."""

    user: str
    items: int
    seconds: float | None
    walk: float
    copies: int


@dataclass(frozen=True, slots=True)
class Crawlers:
    """users: to leave out. walks: how many different histories they have. rows: their interactions."""

    users: pl.Series
    walks: int
    rows: int
    examples: tuple[Crawler, ...]


def find_crawlers(pairs: pl.DataFrame, order: Order) -> Crawlers:
    """The visitors with two or more of four signs: a long history, a fast one, one that walks the catalogue
    in the order of its ids, and one that others have, too.

    pairs: `user`, `item`, `time`, `count`, by user and in order. Ids are in the order of their numbers, or of
    their text. Only an order that means something is a walk.
    """
    median = pairs.group_by("user").len()["len"].median() or 0
    long = pairs.filter(pl.len().over("user") >= _MIN_ITEMS)
    if long.is_empty():
        return Crawlers(pl.Series("user", [], pl.String), 0, 0, ())
    histories = _histories(long.join(_places(long["item"]), on="item", maintain_order="left"))
    ordered = order.kind in ("time", "file")
    histories = histories.with_columns(
        copies=pl.len().over("history") if ordered else pl.lit(1, pl.UInt32),
        walk=pl.max_horizontal("forward", "backward") if ordered else pl.lit(0.0),
    )
    signs = (
        (pl.col("items") >= max(_MIN_LENGTH, _TIMES_MEDIAN * float(median))).cast(pl.Int8)  # type: ignore[arg-type]
        + ((pl.col("stamps") >= _MIN_ITEMS) & (pl.col("seconds") <= _MAX_SECONDS)).fill_null(False)
        + (pl.col("walk") >= _MIN_WALK)
        + (pl.col("copies") >= _MIN_COPIES)
    )
    found = histories.filter(signs >= _MIN_SIGNS).sort("items", "user", descending=[True, False])
    examples = found.head(_EXAMPLES).select("user", "items", "seconds", "walk", "copies")
    return Crawlers(
        users=found["user"],
        walks=found["history"].n_unique(),
        rows=int(found["rows"].sum()),
        examples=tuple(Crawler(masked(user), *figures) for user, *figures in examples.iter_rows()),
    )


def require_few(crawlers: Crawlers, users: int) -> None:
    """Raise DatasetError when over 1 % of the visitors are crawlers: then it may be the data that is odd.

    Visitors with the very same history count as one: a program that accepts no cookies.
    """
    others = users - len(crawlers.users) + crawlers.walks
    if crawlers.walks <= max(1, _MAX_SHARE * others):
        return
    shown = crawlers.examples[0]
    raise DatasetError(
        f"{len(crawlers.users):,} of {users:,} visitors look like programs that walk the catalogue, such as "
        f"{shown.user}: {shown.items:,} items, {shown.walk:.0%} of them in the order of their ids, "
        f"{shown.copies:,} visitors alike. More than {_MAX_SHARE:.0%} is not left out silently: leave "
        "them out with where, or keep them with keep_crawlers = true"
    )


def _places(items: pl.Series) -> pl.DataFrame:
    """`item` and its `place` in the order of ids."""
    distinct = items.unique().to_frame().with_columns(number=pl.col("item").cast(pl.Float64, strict=False))
    return distinct.sort("number", "item", nulls_last=True).select("item").with_row_index("place")


def _histories(placed: pl.DataFrame) -> pl.DataFrame:
    """One row a user: `items`, `rows`, `stamps` (distinct times), `seconds` between them, shares of steps
    `forward` and `backward` through the catalogue, and a hash of the `history`."""
    step = pl.col("place").cast(pl.Int64).diff().drop_nulls()
    step_hash = pl.struct(pl.int_range(pl.len()), "place").hash()
    return placed.group_by("user").agg(
        items=pl.len(),
        rows=pl.col("count").sum(),
        stamps=pl.col("time").n_unique(),
        seconds=(pl.col("time").max() - pl.col("time").min()) / (pl.col("time").n_unique() - 1),
        forward=step.is_between(1, _MAX_STEP).mean(),
        backward=step.is_between(-_MAX_STEP, -1).mean(),
        history=step_hash.sum(),
    )
