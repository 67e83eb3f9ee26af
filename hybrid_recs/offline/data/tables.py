"""Opens the files of one table as a lazy Polars frame, whatever their format.

Text formats are read as text throughout: an id keeps its leading zeros, and a dirty cell is a dropped
row, never a failed read.
"""

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.dataset_config import FORMAT_OF_ENDING, DatasetConfig, Format, Table

_SAMPLE_ROWS = 10_000
# A control character that no text file holds: makes the reader return whole lines.
_NO_SEPARATOR = "\x01"


def scan_table(description: DatasetConfig, table: Table) -> pl.LazyFrame:
    """A lazy frame over all files of `table`."""
    paths = description.files(table)
    kind = table.format or _format_of(paths[0].suffix, str(paths[0]))
    try:
        if kind == "parquet":
            frame = pl.scan_parquet(paths)
        elif kind == "ndjson":
            frame = pl.scan_ndjson(paths, infer_schema_length=_SAMPLE_ROWS)
        else:
            separator = table.separator or ("\t" if paths[0].suffix == ".tsv" else ",")
            scan = _scan_separated if len(separator.encode()) == 1 else _scan_lines
            frame = scan([str(path) for path in paths], separator, table.columns)
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DatasetError(f"{paths[0]}: cannot be read as {kind} ({first_line(error)})") from error
    return frame


def require_columns(frame: pl.LazyFrame, wanted: list[str], table: Table) -> None:
    """Raise the error that names the missing column and the columns there are."""
    present = frame.collect_schema().names()
    for name in wanted:
        if name not in present:
            named = ", ".join(other for other in present if not other.startswith("__"))
            raise DatasetError(f"{table.path}: no column {name!r}; it has {named}")


def sample(frame: pl.LazyFrame, column: str, table: Table) -> pl.Series:
    """Up to 10,000 values that are not null, from the head of the files."""
    try:
        return frame.select(column).head(_SAMPLE_ROWS).collect()[column].drop_nulls()
    except pl.exceptions.PolarsError as error:
        raise DatasetError(f"{table.path}: cannot be read ({first_line(error)})") from error


def as_id(column: str) -> pl.Expr:
    """An id as text, without surrounding blanks; null when nothing is left."""
    text = pl.col(column).cast(pl.String, strict=False).str.strip_chars()
    return pl.when(text != "").then(text)


def as_number(column: str) -> pl.Expr:
    """A finite number, or null."""
    number = pl.col(column).cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _format_of(ending: str, path: str) -> Format:
    if ending in FORMAT_OF_ENDING:
        return FORMAT_OF_ENDING[ending]
    raise DatasetError(
        f'{path}: cannot tell the format from {ending!r}; set format = "csv" (or ndjson, parquet)'
    )


def _scan_separated(paths: list[str], separator: str, columns: list[str] | None) -> pl.LazyFrame:
    return pl.scan_csv(
        paths,
        separator=separator,
        has_header=columns is None,
        new_columns=columns,
        infer_schema=False,
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
    )


def _scan_lines(paths: list[str], separator: str, columns: list[str] | None) -> pl.LazyFrame:
    """For separators of several characters, which the CSV reader does not take."""
    lines = pl.scan_csv(
        paths,
        separator=_NO_SEPARATOR,
        has_header=False,
        new_columns=["line"],
        quote_char=None,
        infer_schema=False,
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
    )
    if columns is None:
        header = lines.head(1).collect()["line"]
        columns = header[0].split(separator) if len(header) else []
        lines = lines.filter(pl.col("line") != separator.join(columns))
    fields = pl.col("line").str.split_exact(separator, len(columns)).struct
    return lines.select(fields.field(f"field_{at}").alias(name) for at, name in enumerate(columns))


def first_line(error: Exception) -> str:
    """What an error says before it goes into detail."""
    return str(error).split("\n", 1)[0]
