"""Columns of a table as ids and numbers."""

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.dataset_config import Table

_SAMPLE_ROWS = 10_000


def require_columns(frame: pl.LazyFrame, required: list[str], table: Table) -> None:
    """Raise DatasetError, naming the missing column and the existing ones, unless all are there."""
    present = frame.collect_schema().names()
    for name in required:
        if name not in present:
            existing = ", ".join(other for other in present if not other.startswith("__"))
            raise DatasetError(f"{table.path}: no column {name!r}; it has {existing}")


def sample(frame: pl.LazyFrame, column: str) -> pl.Series:
    """The values that are not null of the first 10,000 rows; raises PolarsError."""
    return frame.select(column).head(_SAMPLE_ROWS).collect()[column].drop_nulls()


def as_id(column: str) -> pl.Expr:
    """An id as text without surrounding blanks; null when empty."""
    text = pl.col(column).cast(pl.String, strict=False).str.strip_chars()
    return pl.when(text != "").then(text)


def as_number(column: str) -> pl.Expr:
    """A finite number, or null."""
    number = pl.col(column).cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def parsed_share(parsed: pl.Series) -> float:
    """Share of the values that are not null."""
    return 1 - parsed.null_count() / len(parsed)
