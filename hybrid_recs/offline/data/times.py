"""A time column as seconds since 1970."""

from typing import cast

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.columns import as_number, parsed_share, sample
from hybrid_recs.offline.sources.dataset_config import InteractionsTable

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
    "%Y-%m-%d %H:%M:%S%.f UTC",
    "%Y-%m-%d %H:%M UTC",
)
_DIGITS = "%Y%m%d"
_MILLISECONDS_ABOVE = 1e11  # as seconds this is the year 5138
_MICROSECONDS_ABOVE = 1e14


def time_seconds(frame: pl.LazyFrame, table: InteractionsTable) -> pl.Expr:
    """Seconds since 1970, from dates, ISO text, dates of eight digits, or unix seconds or milliseconds."""
    if not table.time:
        return pl.lit(None, pl.Float64)
    column = pl.col(table.time)
    kind = frame.collect_schema()[table.time]
    if kind.is_temporal():
        return column.cast(pl.Datetime("us"), strict=False).dt.epoch("us") / 1e6
    values = sample(frame, table.time)
    numbers = values.cast(pl.Float64, strict=False)
    if _are_dates_of_digits(values):
        return _read_time(column.cast(pl.String, strict=False), _DIGITS)
    if len(values) == 0 or parsed_share(numbers) > 0.5:
        middle = cast(float, numbers.median() or 0)
        unit = 1e6 if middle > _MICROSECONDS_ABOVE else 1e3 if middle > _MILLISECONDS_ABOVE else 1
        return as_number(table.time) / unit
    readings = [
        f for f in _TIME_FORMATS if parsed_share(pl.select(_read_time(pl.lit(values), f)).to_series()) > 0
    ]
    if not readings:
        raise DatasetError(
            f"{table.path}: time column {table.time!r} holds {values[0]!r}; "
            "give ISO dates (2010-12-01 08:26:00), unix seconds or milliseconds"
        )
    return pl.coalesce(_read_time(column, reading) for reading in readings)


def _are_dates_of_digits(values: pl.Series) -> bool:
    """Whether all are such as 20231115; as unix seconds those would be days of 1970."""
    text = values.cast(pl.String, strict=False)
    if len(text) == 0 or not text.str.contains(r"^(19|20|21)\d{6}$").all():
        return False
    return parsed_share(pl.select(_read_time(pl.lit(text), _DIGITS)).to_series()) == 1


def _read_time(text: pl.Expr, reading: str) -> pl.Expr:
    """Seconds since 1970 of text in one format; null where it is in another."""
    zoned = reading.endswith("z")
    read = text.str.to_datetime(reading, strict=False, time_unit="us", time_zone="UTC" if zoned else None)
    return read.dt.epoch("us") / 1e6
