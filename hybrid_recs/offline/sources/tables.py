"""Opens the files of one table as a lazy Polars frame, whatever their format.

Every column of a text format is read as text: an id keeps its leading zeros, and a malformed cell drops its
row instead of failing the read. Files whose columns differ are united by name.
"""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.bad_lines import BadLines
from hybrid_recs.offline.sources.compression import DataFile
from hybrid_recs.offline.sources.data_files import Partition, data_files, format_of_file, partition_of
from hybrid_recs.offline.sources.dataset_config import (
    OWN_FILES,
    DatasetConfig,
    Format,
    QueriedTable,
    Table,
    separator_of,
)
from hybrid_recs.offline.sources.json_lines import bad_json, scan_json
from hybrid_recs.offline.sources.polars_errors import first_line
from hybrid_recs.offline.sources.queries import run_query
from hybrid_recs.offline.sources.separated import regular_part, scan_separated

_NAMES, _SHOWN = 40, 60  # shown of the columns of a file


def scan_table(config: DatasetConfig, table: Table) -> pl.LazyFrame:
    """A lazy frame over all files of `table`, or its query; raises DatasetError when it cannot be read."""
    query = table.query if isinstance(table, QueriedTable) else None
    if query is None:
        return scan_raw(config, table)
    tables = {name: scan_raw(config, raw) for name, raw in config.tables.items()}
    if table.path:
        tables[OWN_FILES] = scan_raw(config, table)
    return run_query(query, tables)


def scan_raw(config: DatasetConfig, table: Table) -> pl.LazyFrame:
    """A lazy frame over all files of `table`."""
    frames = [frame for _, frame in scan_files(config, table)]
    return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")


def scan_files(config: DatasetConfig, table: Table) -> list[tuple[DataFile, pl.LazyFrame]]:
    """One frame for each run of files with the same columns, and the first of those files."""

    def shape(one: tuple[DataFile, pl.LazyFrame]) -> tuple[Partition, Format, str, list[object]]:
        file, frame = one
        kind, columns = format_of_file(file, table), list[object](frame.collect_schema().items())
        return partition_of(config, file), kind, separator_of(table, file.path), columns

    scanned = [(file, _scan([file], table)) for file in data_files(config, table)]
    runs = []
    for (partition, kind, *_), run in groupby(scanned, key=shape):
        files, frames = zip(*run, strict=True)
        if len(files) > 1 and kind not in ("ndjson", "xlsx"):
            frames = (_scan(list(files), table),)
        of_folder = [pl.lit(value, pl.String).alias(name) for name, value in partition]
        runs += [(file, frame.with_columns(of_folder)) for file, frame in zip(files, frames, strict=False)]
    return runs


def bad_lines(config: DatasetConfig, table: Table) -> list[BadLines]:
    """The lines that were left out, file by file."""
    found = []
    for source in sources_of(config, table):
        for file in data_files(config, source):
            kind = format_of_file(file, source)
            if kind == "csv":
                found.append(regular_part(file, source)[1])
            elif kind == "ndjson":
                found.append(bad_json(file, source))
    return [bad for bad in found if bad.count]


def require_columns(config: DatasetConfig, table: Table, names: Sequence[str]) -> None:
    """Raise DatasetError, naming the file, the missing column and the existing ones, unless all are there."""
    sparse = set[str]()  # objects of JSON need not have every key
    if isinstance(table, QueriedTable) and table.query:
        scanned = [(table.shown, scan_table(config, table))]
    else:
        files = scan_files(config, table)
        scanned = [(file.name, frame) for file, frame in files]
        sparse = {file.name for file, _ in files if format_of_file(file, table) == "ndjson"}
    of_json = {name for shown, frame in scanned for name in frame.collect_schema() if shown in sparse}
    for shown, frame in scanned:
        present = list(dict.fromkeys([*frame.collect_schema(), *(of_json if shown in sparse else ())]))
        for name in names:
            if name not in present:
                raise DatasetError(f"{shown}: no column {name!r}; {_columns_there_are(present)}")
            if f"{name}_duplicated_0" in present:
                raise DatasetError(
                    f"{shown}: two columns are called {name!r}; rename one of them in the header, or "
                    "name all columns with columns, and skip the header with skip_rows"
                )


def _columns_there_are(names: list[str]) -> str:
    """The names, and what to set where the header was not read as one."""
    shown = ", ".join((name if name == name.strip() else repr(name))[:_SHOWN] for name in names[:_NAMES])
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    separator = next((mark for mark in ";\t|," if mark in names[0]), None) if len(names) == 1 else None
    remedy = f"; set separator = {json.dumps(separator)}" if separator else ""
    if names[0].startswith("sep="):
        remedy = f"; set skip_rows = 1 and separator = {json.dumps(names[0][4:] or ',')}"
    return f"it has {shown}{more}{remedy}"


def sources_of(config: DatasetConfig, table: Table) -> list[Table]:
    """The tables whose files are read for a table: itself, and all raw ones for a query."""
    raw: list[Table] = list(config.tables.values()) if isinstance(table, QueriedTable) and table.query else []
    return [*([table] if table.path else []), *raw]


def _scan(files: list[DataFile], table: Table) -> pl.LazyFrame:
    """Files of one format with the same columns."""
    kind, paths = format_of_file(files[0], table), [file.path for file in files]
    try:
        if kind == "csv":
            frame = scan_separated(files, table)
        elif kind == "ndjson":
            frame = scan_json(files[0], table)
        elif kind == "xlsx":
            frame = _read_sheet(paths[0])
        elif kind == "arrow":
            frame = pl.scan_ipc(paths, glob=False)
        else:
            frame = pl.scan_parquet(paths, hive_partitioning=False, glob=False)
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DatasetError(f"{files[0].name}: cannot be read as {kind} ({first_line(error)})") from error
    return frame


def _read_sheet(path: Path) -> pl.LazyFrame:
    """The first sheet, all cells as text."""
    try:
        return pl.read_excel(path, infer_schema_length=0).lazy()
    except ImportError as error:
        raise DatasetError(f"{path}: needs the extra excel: pip install 'hybrid-recs[excel]'") from error
