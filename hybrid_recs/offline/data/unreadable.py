"""Refuses data whose times or weights can for the most part not be read: dropping them would be no remedy."""

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data import times
from hybrid_recs.offline.data.interactions import UNREADABLE_TIME, UNREADABLE_WEIGHT, labelled_cells
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.offline.sources.read_errors import explained

MAX_SHARE = 0.01
_FEW = 10
_EXAMPLES = 1_000
_SEPARATORS = (
    (r"^-?\d+,\d{1,2}$", 'decimal = ","'),
    (r"^-?\d{1,3}(,\d{3})+(\.\d+)?$", 'thousands = ","'),
    (r"^-?\d{1,3}(\.\d{3})*,\d+$", 'decimal = "," and thousands = "."'),
    (r"^-?\d{1,3}( \d{3})+(\.\d+)?$", 'thousands = " "'),
)


def require_readable(config: DatasetConfig, dropped: dict[str, int], kept: int) -> None:
    """Raise DatasetError, with an example and the remedy, when over 1 % of the rows (and over ten rows) are
    dropped because their time, or their weight, cannot be read."""
    for reason in (UNREADABLE_TIME, UNREADABLE_WEIGHT):
        count = dropped.get(reason, 0)
        if count > max(MAX_SHARE * (count + kept), _FEW) or (count and not kept):
            _refuse(config, reason, count, count + kept)


def _refuse(config: DatasetConfig, reason: str, count: int, rows: int) -> None:
    for table in config.sources:
        column = table.time if reason == UNREADABLE_TIME else table.weight
        if column is None:
            continue
        with explained([table]):
            cells = labelled_cells(config, table).filter(pl.col("__reason") == reason).head(_EXAMPLES)
            values = cells.select(pl.col(column).cast(pl.String, strict=False)).collect().to_series()
        if len(values):
            remedy = times.unreadable(values) if reason == UNREADABLE_TIME else unreadable_number(values)
            raise DatasetError(
                f"{table.shown}: {count:,} of {rows:,} rows are {reason} in column {column!r}; {remedy}. "
                f"Up to {MAX_SHARE:.0%} of such rows are left out and counted"
            )


def unreadable_number(values: pl.Series) -> str:
    """What cells hold that are no numbers, and the keys that would read them."""
    for pattern, keys in _SEPARATORS:
        if values.str.strip_chars().str.contains(pattern).all():
            return f"it holds {values[0]!r}: set {keys}"
    return f"it holds {values[0]!r}: give numbers, or leave such rows out with where"
