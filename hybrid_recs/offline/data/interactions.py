"""Reads interactions into (user, item) pairs and counts what becomes of every row.

Streamed: memory grows with the distinct pairs, not with the rows.
"""

import itertools
from dataclasses import dataclass, field, replace
from typing import cast

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.dataset_config import DatasetConfig, InteractionsTable
from hybrid_recs.offline.data.items import read_items
from hybrid_recs.offline.data.tables import as_id, as_number, first_line, require_columns, sample, scan_table
from hybrid_recs.types import MAX_ID_LENGTH

_TIME_FORMATS = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%d %H:%M%#z",
)
_PAIR_AGGREGATES = (pl.col("time").max(), pl.col("order").max(), pl.col("weight").sum())
_WEIGHT_LABEL = {True: "of another event type", False: "without a positive weight"}
_ORDER_STRIDE = 2**40  # every row of an earlier table has a lower order
_MILLISECONDS_ABOVE = 1e11  # as seconds this is the year 5138
_MICROSECONDS_ABOVE = 1e14
# A single wrong time must not stretch the time span that ages are measured by.
_FIRST_TIME, _LAST_TIME = -2.2e9, 7.26e9  # the years 1900 and 2200


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
        (summed), by user and then by time and order. A repeated pair has its latest time and order.
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
    labelled = _scan_labelled(config)
    kept = labelled.filter(pl.col("reason").is_null())
    pairs_plan = kept.group_by("user", "item").agg(*_PAIR_AGGREGATES)
    try:
        counts, pairs = pl.collect_all([labelled.group_by("reason").len(), pairs_plan], engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DatasetError(f"{read}: {first_line(error)}") from error
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
        ordered=timed or not _sorted_by_item(pairs),
    )


def scan_interactions(config: DatasetConfig) -> pl.LazyFrame:
    """The rows that are kept: user, item, time, order, weight."""
    return _scan_labelled(config).filter(pl.col("reason").is_null()).drop("reason")


def _scan_labelled(config: DatasetConfig) -> pl.LazyFrame:
    """Columns user, item, time, order, weight and reason: why the row is dropped, or null."""
    tables = config.sources
    if not tables:
        raise DatasetError(f"{config.name}: no interactions table has files yet")
    frames = [_labelled(config, table) for table in tables]
    in_order = [
        frame.with_columns(pl.col("order") + number * _ORDER_STRIDE) for number, frame in enumerate(frames)
    ]
    return pl.concat(in_order)


def _labelled(config: DatasetConfig, table: InteractionsTable) -> pl.LazyFrame:
    frame = scan_table(config, table)
    used = [*table.user, table.item, table.time, table.weight, table.event]
    require_columns(frame, [name for name in used if name], table)
    # Prefixed, so that no column of the data is hidden from `where`.
    frame = frame.with_row_index("__order").with_columns(
        __user=pl.coalesce(as_id(name) for name in table.user),
        __item=as_id(table.item),
        __time=_time(frame, table),
        __weight=_weight(table),
    )
    frame = _with_condition(frame, table)
    labels = {
        "not matching where": ~_is_true(pl.col("__where")),
        "without a user": pl.col("__user").is_null(),
        "without an item": pl.col("__item").is_null(),
        f"with an item id over {MAX_ID_LENGTH} characters": (
            pl.col("__item").str.len_chars() > MAX_ID_LENGTH
        ),
        "without a readable time": (
            ~_is_true(pl.col("__time").is_between(_FIRST_TIME, _LAST_TIME)) if table.time else pl.lit(False)
        ),
        _WEIGHT_LABEL[table.event is not None]: ~_is_true(pl.col("__weight") > 0),
    }
    reason: pl.Expr = pl.lit(None, pl.String)
    for name, applies in reversed(labels.items()):
        reason = pl.when(applies).then(pl.lit(name)).otherwise(reason)
    return frame.select(
        reason=reason,
        user=pl.col("__user"),
        item=pl.col("__item"),
        time=pl.col("__time"),
        order=pl.col("__order").cast(pl.Int64),
        weight=pl.col("__weight"),
    )


def _is_true(condition: pl.Expr) -> pl.Expr:
    return condition.fill_null(False)


def _weight(table: InteractionsTable) -> pl.Expr:
    if table.weight:
        return as_number(table.weight)
    if table.event and table.event_weights:
        weights = {name: float(weight) for name, weight in table.event_weights.items()}
        event = pl.col(table.event).cast(pl.String)
        return event.replace_strict(weights, default=None, return_dtype=pl.Float64)
    return pl.lit(1.0)


def _with_condition(frame: pl.LazyFrame, table: InteractionsTable) -> pl.LazyFrame:
    """Adds `__where`; columns read as text that hold numbers are compared as numbers."""
    if not table.where:
        return frame.with_columns(__where=True)
    try:
        condition = pl.sql_expr(table.where)
        names = list(dict.fromkeys(condition.meta.root_names()))
    except pl.exceptions.PolarsError as error:
        raise DatasetError(f"where: not valid SQL ({first_line(error)})") from error
    require_columns(frame, names, table)
    numeric = [name for name in names if _holds_numbers(frame, name, table)]
    problem = ""
    # A column of digits may be meant as text all the same (id <> '007'): as many as fit are numbers.
    for count in range(len(numeric), -1, -1):
        for chosen in itertools.combinations(numeric, count):
            tried = frame.with_columns(as_number(name).alias(name) for name in chosen)
            tried = tried.with_columns(__where=condition)
            try:
                if tried.select("__where").head(1).collect()["__where"].dtype == pl.Boolean:
                    return tried
                problem = problem or "it is not a condition"
            except pl.exceptions.PolarsError as error:
                problem = problem or first_line(error)
    raise DatasetError(f"where: {table.where!r} cannot be run ({problem})")


def _holds_numbers(frame: pl.LazyFrame, column: str, table: InteractionsTable) -> bool:
    if frame.collect_schema()[column] != pl.String:
        return False
    values = sample(frame, column, table)
    return len(values) > 0 and _share(values.cast(pl.Float64, strict=False)) > 0.99


def _share(parsed: pl.Series) -> float:
    return 1 - parsed.null_count() / len(parsed)


def _time(frame: pl.LazyFrame, table: InteractionsTable) -> pl.Expr:
    """Seconds since 1970, from dates, ISO text, or unix seconds or milliseconds."""
    if not table.time:
        return pl.lit(None, pl.Float64)
    column = pl.col(table.time)
    kind = frame.collect_schema()[table.time]
    if kind.is_temporal():
        return column.cast(pl.Datetime("us"), strict=False).dt.epoch("us") / 1e6
    values = sample(frame, table.time, table)
    numbers = values.cast(pl.Float64, strict=False)
    if len(values) == 0 or _share(numbers) > 0.5:
        middle = cast(float, numbers.median() or 0)
        unit = 1e6 if middle > _MICROSECONDS_ABOVE else 1e3 if middle > _MILLISECONDS_ABOVE else 1
        return as_number(table.time) / unit
    readings = [f for f in _TIME_FORMATS if _share(pl.select(_read_time(pl.lit(values), f)).to_series()) > 0]
    if not readings:
        raise DatasetError(
            f"{table.path}: time column {table.time!r} holds {values[0]!r}; "
            "give ISO dates (2010-12-01 08:26:00), unix seconds or milliseconds"
        )
    return pl.coalesce(_read_time(column, reading) for reading in readings)


def _read_time(text: pl.Expr, reading: str) -> pl.Expr:
    """Seconds since 1970 of text in one format; null where it is in another."""
    zoned = reading.endswith("z")
    read = text.str.to_datetime(reading, strict=False, time_unit="us", time_zone="UTC" if zoned else None)
    return read.dt.epoch("us") / 1e6


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


def _sorted_by_item(pairs: pl.DataFrame) -> bool:
    """Whether users' rows are sorted by item, so that their order carries no information."""
    number = pl.col("item").cast(pl.Float64, strict=False)
    steps = pairs.select(text=_rises(pl.col("item")), number=_rises(number)).drop_nulls("text")
    readings = [steps["text"], steps["number"].drop_nulls()]
    enough = [rises for rises in readings if len(rises) > len(steps) / 2]
    return any(share > 0.95 or share < 0.05 for share in (cast(float, rises.mean()) for rises in enough))


def _rises(column: pl.Expr) -> pl.Expr:
    same_user = pl.col("user") == pl.col("user").shift()
    return pl.when(same_user).then(column > column.shift())
