"""Finds visitors that no person is: programs that walk the catalogue, whose neighbours are its order.

One sign alone is what people do, too: they read long lists, click fast, and start where everybody starts. A
crawler shows at least two.
"""

from dataclasses import dataclass
from math import ceil
from typing import cast

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.catalogue_order import walk_shares
from hybrid_recs.offline.data.order import Order
from hybrid_recs.offline.data.walks import steps_of, walks_of
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.offline.sources.masking import masked

REASON = "of a crawler"
_MIN_SIGNS = 2
_MIN_SIGNS_WITHOUT_CLOCK = 3  # a sorted order of a reseller looks like a walk then
_MIN_ITEMS = 20  # of a history that is looked at
_LONG, _MIN_RATIO = 40, 1.5
# People who rate page after page keep up 20 per minute for hundreds of items.
_PER_MINUTE, _PER_MINUTE_OF_LONG = 12.0, 40.0
_TIMES_USUAL = 3
_MIN_WALK = 0.8
_MIN_COPIES = 3
_MAX_VISITORS = 0.5  # more are no crawlers, whatever they have in common
_COMPARED = 2_000
_HOUR = 3_600
_EXAMPLES = 5
_SEED = 0


@dataclass(frozen=True, slots=True)
class Crawler:
    """One of them. user: masked. items: distinct. seconds: mean from item to item, without pauses; None
    without a clock. walk: share of its steps that follow the catalogue. copies: visitors with the very same
    history."""

    user: str
    items: int
    seconds: float | None
    walk: float
    copies: int


@dataclass(frozen=True, slots=True)
class Crawlers:
    """users: to leave out. walks: how many different histories they have. rows: their interactions. examples:
    of different histories."""

    users: pl.Series
    walks: int = 0
    rows: int = 0
    examples: tuple[Crawler, ...] = ()


_NONE = Crawlers(pl.Series("user", [], pl.String))


def find_crawlers(config: DatasetConfig, pairs: pl.DataFrame, order: Order, users: pl.DataFrame) -> Crawlers:
    """The visitors with two or more of four signs: a long history, a fast one, one that walks the catalogue
    (in the order of its ids or of the items table), and one that others have, too.

    pairs: `user`, `item`, `time`, `order`, `count`. Where times tell no steps (there are none, or whole hours
    at best), the order must mean something, and all signs but the second are needed. users: as of
    `count_users`.
    """
    clock = config.timed and bool((pairs["time"] % _HOUR != 0).any())
    tells_steps = order.is_informative and (clock or order.kind != "stamps")
    if not tells_steps or not (users["items"] >= _MIN_ITEMS).any():
        return _NONE
    lengths = users.select("items", user=pairs["user"].gather(users["place"]))
    many = lengths.filter(pl.col("items") >= _MIN_ITEMS)["user"]
    usual = lengths["user"].sort().sample(min(_COMPARED, len(lengths)), seed=_SEED)
    steps = steps_of(pairs, pl.concat([many, usual]).unique(), clock)
    walks = _with_copies(walks_of(steps))
    # What is usual is told by people, and not by one crawler of many names.
    repeats = walks.filter((pl.col("copies") >= _MIN_COPIES) & ~pl.col("sequence").is_first_distinct())
    people = walks.join(usual.to_frame(), on="user", how="semi").join(repeats, on="user", how="anti")
    suspects = _suspects(walks, lengths.join(repeats, on="user", how="anti")["items"], people, clock)
    if suspects.is_empty():
        return _NONE
    compared = pl.concat([suspects["user"], people["user"]]).to_frame()
    shares = walk_shares(config, pairs["item"], steps.join(compared, on="user", how="semi"))
    return _found(_confirmed(suspects, shares, people, clock), clock)


def require_few(config: DatasetConfig, crawlers: Crawlers, users: int) -> None:
    """Raise DatasetError when over `max_crawlers` of the visitors are crawlers: the data may be what is odd.

    Visitors with the very same history count as one: a program that accepts no cookies. One is always
    allowed, but more than half of the visitors never are, unless `max_crawlers` says so.
    """
    names = len(crawlers.users)
    share = crawlers.walks / (users - names + crawlers.walks) if crawlers.walks > 1 else 0.0
    needed = max(share, names / users if names > _MAX_VISITORS * users else 0.0)
    if needed <= config.max_crawlers:
        return
    shown = crawlers.examples[0]
    raise DatasetError(
        f"{config.name}: {names:,} of {users:,} visitors ({crawlers.walks:,} if those alike count as one), "
        f"with {crawlers.rows:,} rows, look like programs that walk the catalogue, such as {shown.user}: "
        f"{shown.items:,} items, {shown.walk:.0%} of them in the order of the catalogue, {shown.copies:,} "
        f"alike. More than {config.max_crawlers:.1%}, or half with those alike, is not left out silently: "
        f"leave them out with max_crawlers = {ceil(100 * needed) / 100:g}, "
        "or keep them with keep_crawlers = true"
    )


def _with_copies(walks: pl.DataFrame) -> pl.DataFrame:
    """Adds how many visitors have the same history."""
    walked = (pl.col("items") >= _MIN_ITEMS) & (pl.col("quick") > 0)
    copies = pl.when(walked).then(walked.sum().over("sequence")).otherwise(1)
    return walks.with_columns(copies=copies.cast(pl.Int64))


def _suspects(walks: pl.DataFrame, lengths: pl.Series, people: pl.DataFrame, clock: bool) -> pl.DataFrame:
    """Those who go on without many pauses and have a sign apart from the order of the catalogue; `signs`
    counts them."""
    low, middle = (cast(float, lengths.quantile(share, "nearest")) for share in (0.25, 0.5))
    # The fence of a box plot in logarithms, drawn from the lower half, which crawlers do not stretch.
    is_long = pl.col("items") > max(_LONG, middle * max(middle / low, _MIN_RATIO) ** 4)
    per_minute = 60 / pl.col("seconds")
    moving = people.filter(pl.col("later") > 0).select(per_minute.fill_null(0)).to_series()
    limit = pl.when(is_long).then(_PER_MINUTE_OF_LONG).otherwise(_PER_MINUTE)
    is_fast = per_minute >= pl.max_horizontal(limit, pl.lit(_TIMES_USUAL * _median(moving)))
    is_fast &= (pl.col("quick") >= _MIN_ITEMS - 1) & pl.lit(clock)
    is_copy = pl.col("copies") >= _MIN_COPIES
    signs = pl.sum_horizontal(sign.cast(pl.Int8) for sign in (is_long, is_fast, is_copy))
    walked = (pl.col("items") >= _MIN_ITEMS) & (pl.col("quick") > 0)
    goes_on = pl.col("quick") * 2 >= pl.col("later")
    return walks.filter(walked & goes_on).with_columns(signs=signs).filter(pl.col("signs") > 0)


def _confirmed(
    suspects: pl.DataFrame, shares: pl.DataFrame, people: pl.DataFrame, clock: bool
) -> pl.DataFrame:
    """The suspects with enough signs. Where people follow the catalogue, too, to do so is none."""
    usual = _median(people.join(shares, on="user")["walk"])
    is_walk = (pl.col("walk") >= _MIN_WALK) & (pl.col("later") >= _MIN_ITEMS - 1)
    with_shares = suspects.join(shares, on="user", how="left").with_columns(pl.col("walk").fill_null(0))
    signs = pl.col("signs") + (is_walk & pl.lit(usual < _MIN_WALK / 2)).cast(pl.Int8)
    return with_shares.filter(signs >= (_MIN_SIGNS if clock else _MIN_SIGNS_WITHOUT_CLOCK))


def _found(crawlers: pl.DataFrame, clock: bool) -> Crawlers:
    seconds = pl.col("seconds") if clock else pl.lit(None, pl.Float64)
    walks = crawlers.sort("items", "user", descending=[True, False]).unique("sequence", maintain_order=True)
    examples = walks.head(_EXAMPLES).select("user", "items", seconds, "walk", "copies")
    return Crawlers(
        users=crawlers["user"].sort(),
        walks=len(walks),
        rows=int(crawlers["rows"].sum()),
        examples=tuple(Crawler(masked(user), *figures) for user, *figures in examples.iter_rows()),
    )


def _median(values: pl.Series) -> float:
    return cast(float | None, values.median()) or 0.0
