"""Opens the files of one table as a lazy Polars frame, whatever their format.

Every column of a text format is read as text: an id keeps its leading zeros, and a malformed cell drops its
row instead of failing the read.
"""

from pathlib import Path

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.dataset_config import DatasetConfig, Format, Table, format_of, separator_of
from hybrid_recs.offline.sources.polars_errors import first_line
from hybrid_recs.offline.sources.read_errors import require_regular_lines
from hybrid_recs.offline.sources.text_encoding import as_utf8
from hybrid_recs.offline.sources.whole_lines import scan_whole_lines

_SAMPLE_ROWS = 10_000


def scan_table(config: DatasetConfig, table: Table) -> pl.LazyFrame:
    """A lazy frame over all files of `table`; raises DatasetError when they cannot be read."""
    paths = config.files(table)
    kind = table.format or _require_format(paths[0])
    try:
        if kind == "parquet":
            frame = pl.scan_parquet(paths)
        elif kind == "ndjson":
            frame = pl.scan_ndjson(paths, infer_schema_length=_SAMPLE_ROWS)
        else:
            separator = separator_of(table, paths[0])
            scan = _scan_separated if len(separator.encode()) == 1 else _scan_lines
            read = [as_utf8(path, table.encoding) for path in paths]
            if len(separator.encode()) == 1:
                for path, utf8 in zip(paths, read, strict=True):
                    require_regular_lines(path, utf8, table, separator)
            frame = scan([str(path) for path in read], separator, table)
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DatasetError(f"{paths[0]}: cannot be read as {kind} ({first_line(error)})") from error
    return frame


def _require_format(path: Path) -> Format:
    kind = format_of(path)
    if kind is None:
        raise DatasetError(
            f'{path}: cannot tell the format from {path.suffix!r}; set format = "csv" (or ndjson, parquet)'
        )
    return kind


def _scan_separated(paths: list[str], separator: str, table: Table) -> pl.LazyFrame:
    return pl.scan_csv(
        paths,
        separator=separator,
        has_header=table.columns is None,
        new_columns=table.columns,
        quote_char=table.quote or None,
        infer_schema=False,
    )


def _scan_lines(paths: list[str], separator: str, table: Table) -> pl.LazyFrame:
    """For separators of several characters, which the CSV reader does not take."""
    lines = scan_whole_lines(paths)
    columns = table.columns
    if columns is None:
        header = lines.head(1).collect()["line"]
        columns = header[0].split(separator) if len(header) else []
        lines = lines.filter(pl.col("line") != separator.join(columns))
    fields = pl.col("line").str.split_exact(separator, len(columns)).struct
    return lines.select(fields.field(f"field_{number}").alias(name) for number, name in enumerate(columns))
