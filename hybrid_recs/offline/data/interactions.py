"""The interactions of every table as rows of user, item, time, order and weight, labelled with why a row is
dropped."""

import time

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data import stray_times
from hybrid_recs.offline.data.stray_times import TimeBounds
from hybrid_recs.offline.data.times import time_seconds
from hybrid_recs.offline.sources.columns import as_id, as_number, require_columns
from hybrid_recs.offline.sources.conditions import with_condition
from hybrid_recs.offline.sources.dataset_config import DatasetConfig, InteractionsTable
from hybrid_recs.offline.sources.read_errors import explained
from hybrid_recs.offline.sources.tables import scan_table
from hybrid_recs.types import MAX_ID_LENGTH

_WEIGHT_LABEL = {True: "of another event type", False: "without a positive weight"}
_ORDER_STRIDE = 2**40  # every row of an earlier table has a lower order
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
    """Columns user, item, time, order, weight and reason: why the row is dropped, or null.

    bounds: of times that are not stray, if there are others.
    """
    tables = config.sources
    if not tables:
        raise DatasetError(f"{config.name}: no interactions table has files yet")
    frames = [_labelled(config, table, bounds) for table in tables]
    in_order = [
        frame.with_columns(pl.col("order") + number * _ORDER_STRIDE) for number, frame in enumerate(frames)
    ]
    return pl.concat(in_order)


def _labelled(config: DatasetConfig, table: InteractionsTable, bounds: TimeBounds | None) -> pl.LazyFrame:
    frame = scan_table(config, table)
    used = [*table.user, table.item, table.time, table.weight, table.event]
    require_columns(frame, [name for name in used if name], table)
    # Prefixed, so that no column of the data is hidden from `where`.
    frame = frame.with_row_index("__order").with_columns(
        __user=pl.coalesce(as_id(name) for name in table.user),
        __item=as_id(table.item),
        __time=time_seconds(frame, table),
        __weight=_weight(table),
    )
    frame = with_condition(frame, table.where, table)
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
        stray_times.REASON: ~bounds.hold(pl.col("__time")) if bounds else pl.lit(False),
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
