"""The interactions of every table as rows of user, item, time, order and weight, labelled with why a row is
dropped."""

import time

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.generation.id_rules import IdRules
from hybrid_recs.offline.data import stray_times
from hybrid_recs.offline.data.stray_times import TimeBounds
from hybrid_recs.offline.data.times import time_seconds
from hybrid_recs.offline.sources.columns import (
    as_id,
    as_number,
    as_text,
    is_missing,
    require_ids,
)
from hybrid_recs.offline.sources.conditions import with_condition
from hybrid_recs.offline.sources.dataset_config import DatasetConfig, InteractionsTable
from hybrid_recs.offline.sources.read_errors import explained
from hybrid_recs.offline.sources.tables import require_columns, scan_table
from hybrid_recs.types import MAX_ID_LENGTH

UNREADABLE_TIME = "without a readable time"
UNREADABLE_WEIGHT = "without a readable weight"
_WHERE, _HEADER = "not matching where", "repeating the header"
_NO_USER, _NO_ITEM = "without a user", "without an item"
_NO_TIME, _NO_WEIGHT = "without a time", "without a weight"
_OTHER_EVENT, _NOT_POSITIVE = "of another event type", "without a positive weight"
_LONG_ID = f"with an item id over {MAX_ID_LENGTH} characters"
REASON = pl.Enum(
    [
        *(_WHERE, _HEADER, _NO_USER, _NO_ITEM, _LONG_ID, _NO_TIME, UNREADABLE_TIME, _NO_WEIGHT),
        *(UNREADABLE_WEIGHT, _OTHER_EVENT, _NOT_POSITIVE, stray_times.REASON),
    ]
)
"""Why a row is dropped: a number for each row instead of a text."""
_TEXTS = pl.List(pl.String)
MAX_PLACES = 256  # of the items of one cell, the later ones have the order of the last
ORDER_STRIDE = 2**40  # every row of an earlier table has a lower order
# A single wrong time must not stretch the time span that ages are measured by.
_FIRST_TIME, _LAST_TIME = -2.2e9, 7.26e9  # the years 1900 and 2200


def read_interactions(config: DatasetConfig, now: float | None = None) -> pl.DataFrame:
    """The rows that are kept, without those at stray times: user, item, time, order, weight.

    now: seconds since 1970; default: the present.
    """
    with explained(config.sources):
        rows = kept(scan_labelled(config)).collect(engine="streaming")
    hours = stray_times.count_by_hour(rows.lazy()).collect()
    bounds = stray_times.stray_bounds(hours, now or time.time(), config.keep_stray_times)
    return rows.filter(bounds.hold(pl.col("time"))) if bounds else rows


def kept(labelled: pl.LazyFrame) -> pl.LazyFrame:
    """The rows without a reason to be dropped."""
    return labelled.filter(pl.col("reason").is_null()).drop("reason")


def scan_labelled(config: DatasetConfig, bounds: TimeBounds | None = None) -> pl.LazyFrame:
    """Columns user, item, time, order, weight and reason: why the row is dropped, or null; and basket if a
    table has one.

    bounds: of times that are not stray, if there are others.
    """
    tables = config.sources
    if not tables:
        raise DatasetError(f"{config.name}: no interactions table has files yet")
    with_baskets = any(table.basket for table in tables)
    frames = [
        labelled_cells(config, table, bounds).select(
            reason=pl.col("__reason"),
            user=pl.col("__user"),
            item=pl.col("__item"),
            time=pl.col("__time"),
            order=pl.col("__order"),
            weight=pl.col("__weight"),
            **({"basket": _basket(table)} if with_baskets else {}),
        )
        for table in tables
    ]
    in_order = [
        frame.with_columns(pl.col("order") + number * ORDER_STRIDE) for number, frame in enumerate(frames)
    ]
    return pl.concat(in_order)


def labelled_cells(
    config: DatasetConfig, table: InteractionsTable, bounds: TimeBounds | None = None
) -> pl.LazyFrame:
    """The rows of one table with all its columns and, under the same names with two underscores in front
    (so that no column of the data is hidden), those of `scan_labelled`."""
    frame, rules = scan_table(config, table), config.id_rules
    require_columns(config, table, table.named_columns)
    require_ids(frame, [*table.user, table.item.column], table, rules)
    frame = frame.with_row_index("__order").with_columns(
        __user=pl.coalesce(as_id(name, table, rules) for name in table.user),
        __time=time_seconds(frame, table),
        __weight=_weight(table),
        __order=pl.col("__order").cast(pl.Int64),
        __item=pl.col(table.item.column),
    )
    frame = _with_items(with_condition(config, frame, table.where, table), table, rules)
    return frame.with_columns(__reason=_reason(table, bounds))


def _with_items(frame: pl.LazyFrame, table: InteractionsTable, rules: IdRules) -> pl.LazyFrame:
    """`__item` as an id; a cell of several items becomes as many rows, in the order of the cell."""
    cells, separator = pl.col("__item"), table.item.separator
    if not isinstance(frame.collect_schema()["__item"], pl.List):
        if not separator:
            return frame.with_columns(__item=as_id(cells, table, rules))
        cells = cells.cast(pl.String, strict=False).str.split(separator)
    cells = cells.cast(_TEXTS, strict=False)
    # A row without any item stays, to be counted.
    cells = pl.when(cells.list.len() > 0).then(cells).otherwise(pl.lit([None], _TEXTS))
    rows = frame.with_columns(__item=cells, __place=pl.int_ranges(cells.list.len())).explode(
        "__item", "__place"
    )
    return rows.with_columns(
        # Blanks around a separator are no part of an id.
        __item=as_id(pl.col("__item").str.strip_chars(), table, rules),
        __order=pl.col("__order") * MAX_PLACES + pl.col("__place").clip(upper_bound=MAX_PLACES - 1),
    )


def _reason(table: InteractionsTable, bounds: TimeBounds | None) -> pl.Expr:
    """Why a row is dropped: the first of these that applies, or null."""
    labels = {_WHERE: ~_is_true(pl.col("__where"))}
    labels[_HEADER] = _repeats_header(table)
    labels[_NO_USER] = pl.col("__user").is_null()
    labels[_NO_ITEM] = pl.col("__item").is_null()
    labels[_LONG_ID] = pl.col("__item").str.len_chars() > MAX_ID_LENGTH
    if table.time:
        labels[_NO_TIME] = _is_missing_where(pl.col("__time").is_null(), table.time, table)
        labels[UNREADABLE_TIME] = ~_is_true(pl.col("__time").is_between(_FIRST_TIME, _LAST_TIME))
    if table.weight:
        labels[_NO_WEIGHT] = _is_missing_where(pl.col("__weight").is_null(), table.weight, table)
        labels[UNREADABLE_WEIGHT] = pl.col("__weight").is_null()
    labels[_OTHER_EVENT if table.event else _NOT_POSITIVE] = ~_is_true(pl.col("__weight") > 0)
    if bounds:
        labels[stray_times.REASON] = ~bounds.hold(pl.col("__time"))
    reason: pl.Expr = pl.lit(None, REASON)
    for name, applies in reversed(labels.items()):
        reason = pl.when(applies).then(pl.lit(name, REASON)).otherwise(reason)
    return reason


def _is_missing_where(unread: pl.Expr, column: str, table: InteractionsTable) -> pl.Expr:
    """Whether a cell that was not read is missing; only such cells are looked at."""
    return unread & is_missing(pl.when(unread).then(column), table)


def _repeats_header(table: InteractionsTable) -> pl.Expr:
    """Of exports that were written one behind the other."""
    item = pl.col("__item") == table.item.column
    return item & (pl.col("__user") == table.user[0]) & pl.lit(table.user[0] != table.item.column)


def _is_true(condition: pl.Expr) -> pl.Expr:
    return condition.fill_null(False)


def _basket(table: InteractionsTable) -> pl.Expr:
    """A number for the basket, shorter than its name; null where there is none."""
    if not table.basket:
        return pl.lit(None, pl.UInt64)
    name = as_text(table.basket, table)
    return pl.when(name.is_not_null()).then(name.hash())


def _weight(table: InteractionsTable) -> pl.Expr:
    if table.weight:
        number = as_number(table.weight, table)
        return pl.when(~is_missing(table.weight, table)).then(number) if table.null_values else number
    if table.event and table.event_weights:
        weights = {name: float(weight) for name, weight in table.event_weights.items()}
        event = as_text(table.event, table)
        return event.replace_strict(weights, default=None, return_dtype=pl.Float64)
    return pl.lit(1.0)
