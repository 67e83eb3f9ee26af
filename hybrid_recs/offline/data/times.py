"""A time column as seconds since 1970."""

import functools
import re
from collections.abc import Sequence

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.columns import NULLS, is_missing, parsed_share, sample
from hybrid_recs.offline.sources.dataset_config import InteractionsTable
from hybrid_recs.types import SECONDS_PER_DAY

FORMATS = (
    # Without fractions first: Polars reads those three times as fast.
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%d %H:%M%#z",
    "%Y-%m-%d %H:%M:%S%.f %#z",
    "%Y-%m-%d %H:%M %#z",
    "%Y-%m-%d %H:%M:%S%.f UTC",
    "%Y-%m-%d %H:%M UTC",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
)
"""Tried in turn where the dataset.toml gives no time_format: only such as can be read in one way."""
_DIGITS = "%Y%m%d"
# As seconds, the least of each is later than the year 5000.
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
_FIXED_UNITS = {"unix": 1.0, "unix_ms": 1e3, "unix_us": 1e6, "unix_ns": 1e9}
_EXCEL_EPOCH_DAYS = 25_569  # days from 1899-12-30 to 1970-01-01
_NEARLY_ALL = 0.95
_YEARS, _EXCEL_DAYS = (1900, 2100), (30_000, 60_000)  # the latter: the years 1982 to 2064
_NUMERIC_DATE = r"^(\d{1,2})([/.-])(\d{1,2})[/.-](\d{4})([ T]+\d{1,2}:\d{2}(:\d{2})?( ?[AaPp][Mm])?)?$"


def time_seconds(frame: pl.LazyFrame, table: InteractionsTable) -> pl.Expr:
    """Seconds since 1970, or null where a cell cannot be read as the table's time_format says.

    Without one: of dates, ISO text, dates of eight digits, or unix seconds, milliseconds, microseconds or
    nanoseconds. Raises DatasetError when a sample of the column shows that it is none of those.
    """
    if not table.time:
        return pl.lit(None, pl.Float64)
    column, kind = pl.col(table.time), frame.collect_schema()[table.time]
    if kind.is_temporal():
        return _of_temporal(column, kind, table.time_zone)
    formats = tuple(table.time_format) or _formats_of(sample(frame, table.time), table)
    if table.null_values:  # which may look like times
        column = pl.when(~is_missing(table.time, table)).then(column)
    read = functools.partial(_read_cells, formats=formats, zone=table.time_zone)
    return column.map_batches(read, return_dtype=pl.Float64, is_elementwise=True)


def _of_temporal(column: pl.Expr, kind: pl.DataType, zone: str) -> pl.Expr:
    times = column.cast(pl.Datetime("us", getattr(kind, "time_zone", None)), strict=False)
    if getattr(kind, "time_zone", None) is None and zone != "UTC":
        times = times.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return times.dt.epoch("us") / 1e6


def _formats_of(values: pl.Series, table: InteractionsTable) -> tuple[str, ...]:
    """How to read the column, in the order to try; raises DatasetError when nothing would be right."""
    text = values.cast(pl.String, strict=False)
    text = text.filter(~text.str.strip_chars().is_in([*NULLS, *table.null_values, ""]))
    if not len(text):
        return ("number", *FORMATS)
    if _are_dates_of_digits(text):
        return (_DIGITS, *FORMATS)
    numbers = text.cast(pl.Float64, strict=False)
    if parsed_share(numbers) > 0.5:
        _require_no_calendar(numbers, table)
        return ("number", *FORMATS)
    shares = {name: parsed_share(_read_cells(text, [name], table.time_zone)) for name in FORMATS}
    if not any(shares.values()):
        raise DatasetError(
            f"{table.shown}: the time column {table.time!r} cannot be read; {unreadable(text.head(1_000))}"
        )
    # What most cells hold is tried first: the others are then tried on what is left.
    return (*sorted(FORMATS, key=lambda name: -shares[name]), "number")


def _are_dates_of_digits(text: pl.Series) -> bool:
    """Whether all are such as 20231115; as unix seconds those would be days of 1970."""
    if not text.str.contains(r"^(19|20|21)\d{6}$").all():
        return False
    return parsed_share(_read_cells(text, [_DIGITS], "UTC")) == 1


def _require_no_calendar(numbers: pl.Series, table: InteractionsTable) -> None:
    """Years and the day numbers of spreadsheets would be the first hours of 1970."""
    known = numbers.drop_nulls()
    for name, bounds, time_format in (
        ("years", _YEARS, "%Y"),
        ("day numbers of a spreadsheet", _EXCEL_DAYS, "excel"),
    ):
        if float(known.is_between(*bounds).mean() or 0) > _NEARLY_ALL:  # type: ignore[arg-type]
            raise DatasetError(
                f"{table.shown}: the time column {table.time!r} seems to hold {name} ({known[0]:g}); if so, "
                f'set time_format = "{time_format}", if they are seconds since 1970, time_format = "unix"'
            )


def unreadable(values: pl.Series) -> str:
    """What cells hold that cannot be read as times, and the time_format that would read them."""
    proposal = _proposed_format(values)
    remedy = (
        f"set time_format = {proposal}"
        if proposal
        else "give ISO dates (2010-12-01 08:26:00), unix seconds or milliseconds, or set time_format"
    )
    return f"it holds {values[0]!r}: {remedy}"


def _proposed_format(values: pl.Series) -> str | None:
    """Of dates such as 11/15/2023: which number is the day is said by those above 12, if there are any."""
    matches = [match for value in values if (match := re.match(_NUMERIC_DATE, str(value).strip()))]
    if not matches:
        return None
    mark, clock, seconds, half = (matches[0][2], matches[0][5], matches[0][6], matches[0][7])
    hour = ("%I" if half else "%H") + ":%M" + (":%S" if seconds else "") + (" %p" if half else "")
    time = f" {hour}" if clock else ""
    month_first, day_first = (f'"%m{mark}%d{mark}%Y{time}"', f'"%d{mark}%m{mark}%Y{time}"')
    if any(int(match[3]) > 12 for match in matches):
        return month_first
    if any(int(match[1]) > 12 for match in matches):
        return day_first
    return f"{month_first} or {day_first}, whichever it is"


def _read_cells(cells: pl.Series, formats: Sequence[str], zone: str) -> pl.Series:
    """Seconds since 1970, null where no format fits. Each format is tried on what those before left over."""
    text = cells.cast(pl.String, strict=False)
    read = _read(text, formats[0], zone)  # nearly always reads all
    for time_format in formats:
        left = read.is_null() & text.is_not_null()
        if not left.any():
            break
        remaining = text.filter(left).str.strip_chars()
        read = read.scatter(left.arg_true(), _read(remaining, time_format, zone))
    return read.alias(cells.name)


def _read(text: pl.Series, time_format: str, zone: str) -> pl.Series:
    if time_format == "number" or time_format in _FIXED_UNITS or time_format == "excel":
        numbers = text.cast(pl.Float64, strict=False)
        return pl.select(_of_number(pl.lit(numbers), time_format)).to_series()
    completed, time_format = _with_day(pl.lit(text), time_format)
    zoned = re.search(r"%[#:]*z|%Z|%\+", time_format) is not None
    read = completed.str.to_datetime(
        time_format, strict=False, time_unit="us", time_zone="UTC" if zoned else None
    )
    if not zoned and zone != "UTC" and not time_format.endswith(" UTC"):
        read = read.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return pl.select(read.dt.epoch("us") / 1e6).to_series()


def _of_number(number: pl.Expr, time_format: str) -> pl.Expr:
    """Of unix times in a unit that their size shows, or the one that is named, or of days as in Excel."""
    finite = pl.when(number.is_finite()).then(number)
    if time_format == "excel":
        return ((finite - _EXCEL_EPOCH_DAYS) * SECONDS_PER_DAY).round(3)
    if time_format in _FIXED_UNITS:
        return finite / _FIXED_UNITS[time_format]
    seconds: pl.Expr = finite
    for least, unit in reversed(_UNITS):
        seconds = pl.when(finite.abs() > least).then(finite / unit).otherwise(seconds)
    return seconds


def _with_day(text: pl.Expr, time_format: str) -> tuple[pl.Expr, str]:
    """A year alone, or a month, is taken as its first day."""
    has_day = re.search(r"%[-_0]?[dejDFxcsv+]", time_format)
    has_month = re.search(r"%[-_0]?[mbBhDFxcsv+]", time_format)
    if has_day:
        return text, time_format
    missing, its_format = ("-01", "-%d") if has_month else ("-01-01", "-%m-%d")
    return text + missing, time_format + its_format
