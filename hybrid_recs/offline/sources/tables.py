"""Opens the files of one table as a lazy Polars frame, whatever their format.

Every column of a text format is read as text: an id keeps its leading zeros, and a malformed cell drops its
row instead of failing the read. Files whose columns differ are united by name.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.bad_lines import BadLines
from hybrid_recs.offline.sources.compression import DataFile, unpacked
from hybrid_recs.offline.sources.dataset_config import (
    DatasetConfig,
    Format,
    QueriedTable,
    Table,
    format_of,
)
from hybrid_recs.offline.sources.json_lines import bad_json, scan_json
from hybrid_recs.offline.sources.polars_errors import first_line
from hybrid_recs.offline.sources.queries import OWN_FILES, run_query
from hybrid_recs.offline.sources.separated import regular_part, scan_separated

Partition = tuple[tuple[str, str], ...]


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
    scanned = [(file, _scan([file], table)) for file in data_files(config, table)]
    runs = []
    for (partition, kind, _), run in groupby(scanned, key=lambda one: _shape(one[0], one[1], table)):
        files, frames = zip(*run, strict=True)
        if len(files) > 1 and kind not in ("ndjson", "xlsx"):
            frames = (_scan(list(files), table),)
        for file, frame in zip(files, frames, strict=False):
            runs.append((file, frame.with_columns(pl.lit(value).alias(name) for name, value in partition)))
    return runs


def data_files(config: DatasetConfig, table: Table) -> list[DataFile]:
    """The files of a table without empty ones; raises DatasetError when there are none."""
    paths = config.files(table)
    files = [file for path in paths for file in unpacked(path) if file.path.stat().st_size]
    if not files:
        raise DatasetError(f"{paths[0]}: it is empty" + (", as all others are" if len(paths) > 1 else ""))
    return files


def _shape(file: DataFile, frame: pl.LazyFrame, table: Table) -> tuple[Partition, Format, tuple[object, ...]]:
    """What files must share to be read as one: the folder's columns, the format and the columns."""
    return _partition(file), _kind_of(file, table), tuple(frame.collect_schema().items())


def bad_lines(config: DatasetConfig, table: Table) -> list[BadLines]:
    """The lines that were left out, file by file."""
    found = []
    for source in sources_of(config, table):
        for file in data_files(config, source):
            kind = _kind_of(file, source)
            if kind == "csv":
                found.append(regular_part(file, source)[1])
            elif kind == "ndjson":
                found.append(bad_json(file, source))
    return [bad for bad in found if bad.count]


def require_columns(config: DatasetConfig, table: Table, names: Sequence[str]) -> None:
    """Raise DatasetError, naming the file, the missing column and the existing ones, unless all are there."""
    if isinstance(table, QueriedTable) and table.query:
        scanned = [(table.shown, scan_table(config, table))]
    else:
        scanned = [(file.name, frame) for file, frame in scan_files(config, table)]
    for shown, frame in scanned:
        present = frame.collect_schema().names()
        for name in names:
            if name not in present:
                raise DatasetError(f"{shown}: no column {name!r}; it has {', '.join(present)}")


def sources_of(config: DatasetConfig, table: Table) -> list[Table]:
    """The tables whose files are read for a table: itself, and all raw ones for a query."""
    raw: list[Table] = list(config.tables.values()) if isinstance(table, QueriedTable) and table.query else []
    return [*([table] if table.path else []), *raw]


def _kind_of(file: DataFile, table: Table) -> Format:
    kind = table.format or format_of(file.path) or format_of(Path(file.name))
    if kind is None:
        raise DatasetError(
            f'{file.name}: cannot tell the format from {file.path.suffix!r}; set format = "csv" '
            "(or ndjson, parquet, arrow, xlsx)"
        )
    return kind


def _scan(files: list[DataFile], table: Table) -> pl.LazyFrame:
    """Files of one format with the same columns."""
    kind, paths = _kind_of(files[0], table), [file.path for file in files]
    try:
        if kind == "csv":
            frame = scan_separated(files, table)
        elif kind == "ndjson":
            frame = scan_json(files[0], table)
        elif kind == "xlsx":
            frame = _read_sheet(paths[0])
        elif kind == "arrow":
            frame = pl.scan_ipc(paths)
        else:
            frame = pl.scan_parquet(paths, hive_partitioning=False)
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


def _partition(file: DataFile) -> Partition:
    """Columns that the folders of a file name, such as year=2024/month=01."""
    parts = [part.partition("=") for part in file.path.parent.parts if "=" in part]
    return tuple((name, value) for name, _, value in parts if name)
