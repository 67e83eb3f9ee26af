"""Separated text (CSV and the like) as columns of text.

A line with too many fields, or with a quote in the middle of a cell, would shift what is behind it, which
Polars does not notice where the shifted columns are not used. Files are looked over first; a few such lines
are left out, many are an error.
"""

import mmap
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from hybrid_recs.offline.sources.bad_lines import BadLines, require_few, shown_fields
from hybrid_recs.offline.sources.compression import DataFile, is_compressed, open_bytes
from hybrid_recs.offline.sources.dataset_config import Table, separator_of
from hybrid_recs.offline.sources.scratch import new_file
from hybrid_recs.offline.sources.text_encoding import as_utf8
from hybrid_recs.offline.sources.whole_lines import scan_whole_lines

_MAX_LINES_OF_A_ROW = 100
_CELL = "\x02"  # stands for a quoted cell
_regular: dict[tuple[object, ...], tuple[Path, BadLines]] = {}
"""Files looked over, and where their regular lines are: a table is scanned several times."""


def scan_separated(files: list[DataFile], table: Table) -> pl.LazyFrame:
    """Files with the same columns; raises DatasetError when many of their lines are irregular."""
    separator = separator_of(table, files[0].path)
    paths = [str(regular_part(file, table)[0]) for file in files]
    if len(separator.encode()) > 1:
        return _scan_lines(paths, separator, table)
    return pl.scan_csv(
        paths,
        separator=separator,
        has_header=table.columns is None,
        new_columns=table.columns,
        quote_char=table.quote or None,
        infer_schema=False,
        skip_lines=table.skip_rows,
        comment_prefix=table.comment or None,
    )


def _scan_lines(paths: list[str], separator: str, table: Table) -> pl.LazyFrame:
    """For separators of several characters, which the CSV reader does not take."""
    lines, columns = _lines(paths, table), table.columns
    if columns is None:
        header = lines.head(1).collect()["line"]
        columns = header[0].split(separator) if len(header) else []
        lines = lines.filter(pl.col("line") != separator.join(columns))
    fields = pl.col("line").str.split_exact(separator, len(columns)).struct
    return lines.select(fields.field(f"field_{number}").alias(name) for number, name in enumerate(columns))


def _lines(paths: list[str], table: Table) -> pl.LazyFrame:
    return scan_whole_lines(paths, table.skip_rows, table.comment or None)


def regular_part(file: DataFile, table: Table) -> tuple[Path, BadLines]:
    """The file in UTF-8, or a copy of its regular lines, and what was left out."""
    status = file.path.stat()
    read_as = (table.separator, table.quote, table.encoding, table.skip_rows, table.comment, table.columns)
    key = (file.path, status.st_size, status.st_mtime_ns, repr(read_as))
    if key not in _regular:
        _regular[key] = _looked_over(file, table)
    return _regular[key]


def _looked_over(file: DataFile, table: Table) -> tuple[Path, BadLines]:
    utf8, separator = as_utf8(file, table.encoding), separator_of(table, file.path)
    quote = table.quote if len(separator.encode()) == 1 else ""
    if _is_regular(utf8, table, separator, quote):
        return utf8, BadLines(file.name)
    copy, bad = _regular_lines(file, utf8, table, separator, quote)
    require_few(
        bad,
        f"Put cells that hold {separator!r} in quotes, or set separator or columns"
        + (f'; if cells are not quoted at all, set quote = "" (now {quote!r})' if quote else ""),
    )
    return copy, bad


def _is_regular(path: Path, table: Table, separator: str, quote: str) -> bool:
    """Whether no line has more fields than the first, or a quote that neither starts nor ends a cell."""
    line, quote = pl.col("line"), quote if _holds(path, quote.encode()) else ""
    if quote:
        line = line.str.replace_all(_quoted_cell(separator, quote), f"${{1}}{_CELL}")
    separators = line.str.count_matches(separator, literal=True)
    stray = line.str.contains(_stray_quote(separator, quote)).any() if quote else pl.lit(False)
    first, most, has_stray = (
        _lines([str(path)], table)
        .select(first=separators.first(), most=separators.max(), stray=stray)
        .collect(engine="streaming")
        .row(0)
    )
    expected = len(table.columns) - 1 if table.columns else int(first or 0)
    return int(most or 0) <= expected and not has_stray


def _holds(path: Path, text: bytes) -> bool:
    """Whether a file that is not compressed has these bytes; True for others."""
    if is_compressed(path) or not text or not path.stat().st_size:
        return bool(text)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(text) >= 0


def _quoted_cell(separator: str, quote: str) -> str:
    """A cell in quotes, within which a quote is written twice; group 1: what stands before it."""
    mark = re.escape(quote)
    return f"(^|{re.escape(separator)}){mark}(?:[^{mark}]|{mark}{mark})*{mark}"


def _stray_quote(separator: str, quote: str) -> str:
    """A quote that is left when quoted cells are taken out, or one that ends before its cell does."""
    return f"{re.escape(quote)}|{_CELL}[^{re.escape(separator)}\\r\\n]"


def _regular_lines(
    file: DataFile, utf8: Path, table: Table, separator: str, quote: str
) -> tuple[Path, BadLines]:
    """A copy without the irregular lines, and their count with the first of them."""
    quoting = _Quoting.of(separator, quote) if quote else None
    copy, path = new_file(utf8.suffix if not table.separator else ".csv")
    header, count, rows, bad = list(table.columns or ()), 0, 0, BadLines(file.name)
    with copy, open_bytes(utf8) as content:
        for number, row, fault in _rows(content, table, separator, quoting, len(header)):
            if number > table.skip_rows and not header:
                header = row.strip().replace(quote, "").split(separator) if quote else row.split(separator)
            rows += 1
            if fault is None:
                copy.write(row.encode())
                continue
            count += 1
            if count == 1:
                shown = shown_fields(row, separator, header, table.private_columns)
                bad = BadLines(file.name, number=number, fault=fault, example=shown)
    return path, BadLines(bad.file, rows, count, bad.number, bad.fault, bad.example)


def _rows(
    content: Iterator[bytes],
    table: Table,
    separator: str,
    quoting: "_Quoting | None",
    expected: int,
) -> Iterator[tuple[int, str, str | None]]:
    """Number and text of every row, which may be several lines, and what is wrong with it."""
    waiting: deque[str] = deque()
    lines, number = (raw.decode() for raw in content), 0
    while True:
        waiting.extend(islice(lines, _MAX_LINES_OF_A_ROW - len(waiting)))
        if not waiting:
            return
        length, left, is_stray = quoting.next_row(waiting) if quoting else (1, waiting[0], False)
        row = "".join(islice(waiting, length))
        fields = left.count(separator) + 1
        fault = None
        if number >= table.skip_rows and not (table.comment and row.startswith(table.comment)):
            expected = expected or fields
            if is_stray:
                fault = "a quote within a cell"
            elif fields > expected:
                fault = f"{fields} fields, but {expected} columns"
        yield number + 1, row, fault
        number += length
        for _ in range(length):
            waiting.popleft()


@dataclass(frozen=True, slots=True)
class _Quoting:
    """How cells are quoted in a file."""

    quote: str
    cell: re.Pattern[str]
    stray: re.Pattern[str]

    @classmethod
    def of(cls, separator: str, quote: str) -> "_Quoting":
        return cls(
            quote, re.compile(_quoted_cell(separator, quote)), re.compile(_stray_quote(separator, quote))
        )

    def next_row(self, waiting: deque[str]) -> tuple[int, str, bool]:
        """How many lines the next row has, the row without its quoted cells, and whether a quote is stray.

        A quoted cell may hold line breaks; a quote that nothing within reach ends makes no row of several
        lines.
        """
        if self.quote not in waiting[0]:
            return 1, waiting[0], False
        first, text = self._without_cells(waiting[0]), ""
        if not self.stray.search(first):
            return 1, first, False
        for length, line in enumerate(waiting, start=1):
            text += line
            if length > 1 and self.quote in line:
                left = self._without_cells(text)
                if not self.stray.search(left):
                    return length, left, False
        return 1, first, True

    def _without_cells(self, text: str) -> str:
        return self.cell.sub(rf"\g<1>{_CELL}", text)
