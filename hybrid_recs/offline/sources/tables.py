"""Opens the files of one table as a lazy Polars frame, whatever their format.

Every column of a text format is read as text: an id keeps its leading zeros, and a malformed cell drops its
row instead of failing the read.
"""

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.dataset_config import FORMAT_OF_ENDING, DatasetConfig, Format, Table
from hybrid_recs.offline.sources.polars_errors import first_line

_SAMPLE_ROWS = 10_000
# A control character that no text file holds: makes the reader return whole lines.
_NO_SEPARATOR = "\x01"


def scan_table(config: DatasetConfig, table: Table) -> pl.LazyFrame:
    """A lazy frame over all files of `table`; raises DatasetError when they cannot be read."""
    paths = config.files(table)
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
    return lines.select(fields.field(f"field_{number}").alias(name) for number, name in enumerate(columns))
