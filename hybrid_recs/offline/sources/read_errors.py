"""Turns a failed read into an error that names the file, the line and the remedy."""

import csv
import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.dataset_config import Table, separator_of
from hybrid_recs.offline.sources.polars_errors import first_line
from hybrid_recs.offline.sources.text_encoding import open_text
from hybrid_recs.offline.sources.whole_lines import scan_whole_lines

_SHOWN = 80
_regular: set[tuple[Path, int, int, str, str, str]] = set()
"""Files found regular, and how they were read: a table is scanned several times."""


@contextmanager
def explained(tables: Sequence[Table]) -> Iterator[None]:
    """Raise DatasetError for whatever goes wrong while these tables are read."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:
        names = ", ".join(table.path for table in tables)
        raise DatasetError(f"{names}: cannot be read ({first_line(error)})") from error


def require_regular_lines(path: Path, utf8: Path, table: Table, separator: str) -> None:
    """Raise DatasetError for the first line with too many fields or a stray quote, which would shift cells.

    utf8: the same file as UTF-8. Files without quotes are counted by Polars, others read line by line.
    """
    status = path.stat()
    key = (path, status.st_size, status.st_mtime_ns, separator, table.quote, table.encoding)
    if key in _regular:
        return
    quoted = bool(table.quote) and _holds(utf8, table.quote.encode())
    if (quoted or _has_long_line(utf8, table, separator)) and (fault := _fault(path, table)):
        raise DatasetError(fault)
    _regular.add(key)


def _holds(path: Path, text: bytes) -> bool:
    if path.suffix == ".gz" or path.stat().st_size == 0:
        return True
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(text) >= 0


def _has_long_line(path: Path, table: Table, separator: str) -> bool:
    lines = scan_whole_lines([str(path)])
    separators = lines.select(pl.col("line").str.count_matches(separator, literal=True))
    first, most = (
        separators.select(first=pl.first(), most=pl.first().max()).collect(engine="streaming").row(0)
    )
    return int(most or 0) > (len(table.columns) - 1 if table.columns else int(first or 0))


def _fault(path: Path, table: Table) -> str | None:
    """The first line with too many fields, or with a quote inside a cell that is not quoted, in words."""
    separator, raw = separator_of(table, path), list[str]()

    def lines(file: IO[bytes]) -> Iterator[str]:
        for line in file:
            raw.append(line.decode(table.encoding, "replace"))
            yield raw[-1]

    with open_text(path) as file:
        reader = csv.reader(
            lines(file),
            delimiter=separator,
            quotechar=table.quote or None,
            quoting=csv.QUOTE_MINIMAL if table.quote else csv.QUOTE_NONE,
        )
        expected = 0
        for fields in reader:
            expected = expected or max(len(table.columns or ()), len(fields))
            here = f"{path}, line {reader.line_num}"
            if len(fields) > expected:
                return (
                    f"{here}: {len(fields)} fields, but {expected} columns ({raw[-1].strip()[:_SHOWN]!r}); "
                    f"put cells that hold {separator!r} in quotes, or set separator or columns"
                )
            if table.quote and len(raw) == 1 and raw[0].count(table.quote) % 2:
                return (
                    f"{here}: a quote within a cell ({raw[0].strip()[:_SHOWN]!r}); "
                    'if cells are not quoted, set quote = ""'
                )
            raw.clear()
    return None
