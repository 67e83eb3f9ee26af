"""Finds the few times that cannot be right: far from all others, or in the future.

One row dated 2038 would be the present by which the trend and the ages of all others are measured.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.types import SECONDS_PER_DAY

REASON = "at a stray time"
_MAX_SHARE = 0.001
_TAIL = 0.01  # the middle 98 % of rows are those between
_HOUR = 3_600
_MIN_GAP = SECONDS_PER_DAY  # rows of one bulk import are no measure of a gap
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """Times outside of `first` … `last` (seconds since 1970) are stray; `examples` are some of them."""

    first: float
    last: float
    examples: tuple[float, ...]

    def hold(self, time: pl.Expr) -> pl.Expr:
        """Whether a time is within the bounds; one that is not known is."""
        return time.is_between(self.first, self.last).fill_null(True)


def count_by_hour(rows: pl.LazyFrame) -> pl.LazyFrame:
    """`first`, `last` and `rows` of every hour that has rows: small, however long the input is."""
    hour = (pl.col("time") / _HOUR).floor()
    timed = rows.filter(pl.col("time").is_not_null())
    return timed.group_by(hour.alias("hour")).agg(
        first=pl.col("time").min(), last=pl.col("time").max(), rows=pl.len()
    )


def stray_bounds(hours: pl.DataFrame, now: float, keep: bool = False) -> TimeBounds | None:
    """What to drop, or None if no time is stray.

    A time is stray when it is later than `now` plus a day, or when a gap longer than the span of the middle
    98 % of rows (and than a day) parts it from the rest. Raises DatasetError for more than 0.1 % of rows (one
    row is always allowed): then it is the data that has a gap, or a time that is misread.
    """
    if keep or hours.is_empty():
        return None
    hours = hours.sort("hour")
    past = hours.filter(pl.col("last") <= now + SECONDS_PER_DAY)
    kept = _connected(past) if len(past) else past
    if len(kept) == len(hours):
        return None
    stray = hours.join(kept, on="hour", how="anti").sort("hour")
    bounds = TimeBounds(
        first=cast(float, kept["first"].min()) if len(kept) else now,
        last=cast(float, kept["last"].max()) if len(kept) else now,
        examples=tuple(stray["first"].head(_EXAMPLES).to_list()),
    )
    _require_few(bounds, int(stray["rows"].sum()), int(hours["rows"].sum()))
    return bounds


def _connected(hours: pl.DataFrame) -> pl.DataFrame:
    """The hours that no long gap parts from the middle ones."""
    below = hours["rows"].cum_sum() / hours["rows"].sum()
    low = int((below <= _TAIL).sum())
    high = min(int((below < 1 - _TAIL).sum()), len(hours) - 1)
    limit = max(hours["last"][high] - hours["first"][low], _MIN_GAP)
    after_gap = hours.select((pl.col("first") - pl.col("last").shift() > limit).fill_null(False)).to_series()
    gaps = after_gap.arg_true()
    start = cast(int, gaps.filter(gaps <= low).max() or 0)
    end = cast(int, gaps.filter(gaps > high).min() or len(hours))
    return hours[start:end]


def _require_few(bounds: TimeBounds, stray: int, rows: int) -> None:
    if stray <= max(1, _MAX_SHARE * rows):
        return
    shown = ", ".join(time_text(time) for time in bounds.examples)
    raise DatasetError(
        f"{stray:,} of {rows:,} rows are at times far from all others or in the future ({shown}); all others "
        f"are between {time_text(bounds.first)} and {time_text(bounds.last)}. More than {_MAX_SHARE:.1%} is "
        "not left out silently: leave such rows out with where, or keep them with keep_stray_times = true"
    )


def time_text(seconds: float) -> str:
    """A time as ISO text, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
