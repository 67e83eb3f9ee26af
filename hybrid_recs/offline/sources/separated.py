"""Separated text (CSV and the like) as columns of text.

A line with too many fields, or with a quote in the middle of a cell, would shift what is behind it, which
Polars does not notice where the shifted columns are not used. Files are looked over first; a few such lines
are left out, many are an error.
"""

import mmap
from collections import deque
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import IO

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.bad_lines import BadLines, require_few, shown_fields
from hybrid_recs.offline.sources.compression import DataFile, is_compressed, open_bytes
from hybrid_recs.offline.sources.dataset_config import Table, separator_of
from hybrid_recs.offline.sources.quoting import Quoting, Row
from hybrid_recs.offline.sources.scratch import new_file
from hybrid_recs.offline.sources.text_encoding import as_utf8, starts_as_utf8
from hybrid_recs.offline.sources.whole_lines import scan_whole_lines

# Titles with an unquoted separator are few of all lines, and always of the same items.
_MAX_SHARE = 0.001
_ENOUGH = 100_000
_MAX_LINES_OF_A_ROW = 100
_regular: dict[tuple[object, ...], tuple[Path, BadLines]] = {}
"""Files looked over, and where their regular lines are: a table is scanned several times."""


def scan_separated(files: list[DataFile], table: Table) -> pl.LazyFrame:
    """Files with the same columns; raises DatasetError when many of their lines are irregular."""
    separator = separator_of(table, files[0].path)
    paths = [regular_part(file, table)[0] for file in files]
    if len(separator.encode()) > 1:
        return _scan_lines(paths, separator, table)
    return _scan_csv(paths, table)


def _scan_csv(paths: list[Path], table: Table) -> pl.LazyFrame:
    return pl.scan_csv(
        paths,
        separator=separator_of(table, paths[0]),
        has_header=table.columns is None,
        new_columns=table.columns,
        quote_char=table.quote or None,
        infer_schema=False,
        skip_lines=table.skip_rows,
        comment_prefix=table.comment or None,
        glob=False,
    )


def _scan_lines(paths: list[Path], separator: str, table: Table) -> pl.LazyFrame:
    """For separators of several characters, which the CSV reader does not take."""
    lines, columns = scan_whole_lines(paths, table.skip_rows, table.comment), table.columns
    if columns is None:
        header = lines.head(1).collect()["line"]
        columns = header[0].split(separator) if len(header) else []
        lines = lines.filter(pl.col("line") != separator.join(columns))
    fields = pl.col("line").str.split_exact(separator, len(columns)).struct
    return lines.select(fields.field(f"field_{number}").alias(name) for number, name in enumerate(columns))


def regular_part(file: DataFile, table: Table) -> tuple[Path, BadLines]:
    """The file in UTF-8, or a copy of its regular lines, and what was left out."""
    status = file.path.stat()
    read_as = (table.separator, table.quote, table.encoding, table.skip_rows, table.comment, table.columns)
    key = (file.path, status.st_size, status.st_mtime_ns, repr(read_as), repr(table.private_fields))
    if key not in _regular:
        _regular[key] = _looked_over(file, table)
    return _regular[key]


def _looked_over(file: DataFile, table: Table) -> tuple[Path, BadLines]:
    # What reads every cell sees each byte that is no UTF-8, so that the usual file is looked over once.
    if starts_as_utf8(file, table.encoding) and _is_regular(file.path, file, table):
        return file.path, BadLines(file.name)
    utf8 = as_utf8(file, table.encoding)
    if utf8 != file.path and _is_regular(utf8, file, table):
        return utf8, BadLines(file.name)
    quoting = _quoting(file, table)
    lines = scan_whole_lines([utf8], table.skip_rows, table.comment)
    columns = _columns(file, quoting, lines, table)
    number = pl.col("number")
    count, irregular = (
        lines.select(n=pl.len(), irregular=number.filter(~quoting.is_row(len(columns))).implode())
        .collect(engine="streaming")
        .row(0)
    )
    if not irregular:
        return utf8, BadLines(file.name, count)
    return _regular_lines(BadLines(file.name, count), utf8, irregular, quoting, columns, table)


def _quoting(file: DataFile, table: Table) -> Quoting:
    separator = separator_of(table, file.path)
    return Quoting(separator, table.quote if len(separator.encode()) == 1 else "")


def _is_regular(path: Path, file: DataFile, table: Table) -> bool:
    """Whether Polars reads every cell of a file without quotes. It notices lines of too many fields, but only
    where all columns are used; that is cheaper than to look at every line."""
    quoting = _quoting(file, table)
    if len(quoting.separator.encode()) > 1 or _holds(path, quoting.quote):
        return False
    lines = scan_whole_lines([path], table.skip_rows, table.comment)
    try:
        columns = _columns(file, quoting, lines, table)
        cells = _scan_csv([path], table)
        if len(cells.collect_schema()) != len(columns):
            return False
        cells.select(pl.all().null_count()).collect(engine="streaming")
    except pl.exceptions.PolarsError:
        return False
    return True


def _holds(path: Path, quote: str) -> bool:
    """Whether a file has quotes; a compressed one may."""
    if not quote:
        return False
    if is_compressed(path):
        return True
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(quote.encode()) >= 0


def _columns(file: DataFile, quoting: Quoting, lines: pl.LazyFrame, table: Table) -> list[str]:
    """The names in the header, or those of the table; raises DatasetError when there are fewer fields."""
    start = lines.head(_MAX_LINES_OF_A_ROW).collect()["line"]
    first = quoting.first_row(f"{line}\n" for line in start).fields
    if table.columns and len(start) and len(first) < len(table.columns):
        raise DatasetError(
            f"{file.name}: columns has {len(table.columns)} names, but the first line {len(first)} fields; "
            "name as many columns as there are, or set separator"
        )
    return table.columns or first


def _regular_lines(
    bad: BadLines, utf8: Path, irregular: Iterable[int], quoting: Quoting, columns: list[str], table: Table
) -> tuple[Path, BadLines]:
    """A copy without the irregular lines that are no rows of several lines, and those left out."""
    copy, path = new_file(".csv")
    with copy, open_bytes(utf8) as content:
        lines = _Lines(content)
        for number in irregular:
            if number < lines.number:  # within a row
                continue
            lines.copy_until(number, copy)
            row = quoting.first_row(lines.ahead(), len(columns))
            bad = bad.without(row.lines - 1)
            if not row.fault:
                lines.copy_until(number + row.lines, copy)
                continue
            lines.skip(row.lines)
            bad = bad.more(number, row.fault, _shown(row, quoting, columns, table))
            if bad.count == _ENOUGH:
                require_few(bad, _MAX_SHARE, f"Counting stopped there. {_remedy(quoting)}")
        lines.copy_rest(copy)
    require_few(bad, _MAX_SHARE, _remedy(quoting))
    return path, bad


def _shown(row: Row, quoting: Quoting, columns: list[str], table: Table) -> str:
    return shown_fields(row.fields, quoting.separator, columns, table.private_fields)


def _remedy(quoting: Quoting) -> str:
    return f"Put cells that hold {quoting.separator!r} in quotes, or set separator or columns" + (
        f'; if cells are not quoted at all, set quote = "" (now {quoting.quote!r})' if quoting.quote else ""
    )


class _Lines:
    """The lines of a file, in turn. number: of the next one."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content, self._ahead = iter(content), deque[bytes]()
        self.number = 1

    def ahead(self) -> Iterable[str]:
        """The next lines, as many as a row may have; they stay the next ones."""
        self._ahead.extend(islice(self._content, _MAX_LINES_OF_A_ROW - len(self._ahead)))
        return (line.decode() for line in self._ahead)

    def copy_until(self, number: int, target: IO[bytes]) -> None:
        """Copy the lines before `number`."""
        while self._ahead and self.number < number:
            target.write(self._ahead.popleft())
            self.number += 1
        target.writelines(islice(self._content, number - self.number))
        self.number = number

    def skip(self, count: int) -> None:
        """Pass over some of the lines ahead."""
        for _ in range(count):
            self._ahead.popleft()
        self.number += count

    def copy_rest(self, target: IO[bytes]) -> None:
        target.writelines(self._ahead)
        target.writelines(self._content)
