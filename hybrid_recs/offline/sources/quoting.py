"""How the cells of separated text are quoted: which lines are whole rows, and which rows span lines."""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

STRAY = "a quote within a cell"


@dataclass(frozen=True, slots=True)
class Row:
    """One or more lines of a file. fault: why it cannot be read, or empty."""

    text: str
    lines: int
    fields: list[str]
    fault: str = ""


@dataclass(frozen=True)
class Quoting:
    """quote: one character, written twice within a quoted cell; empty: cells are not quoted."""

    separator: str
    quote: str

    def is_row(self, fields: int) -> pl.Expr:
        """Whether a `line` is a row of at most so many fields."""
        line = pl.col("line")
        few = line.str.count_matches(self.separator, literal=True) < fields
        if not self.quote:
            return few
        others = f"(?:{re.escape(self.separator)}{self._cell}){{0,{fields - 1}}}"
        quoted = line.str.contains(f"^{self._cell}{others}$")
        return pl.when(line.str.contains(self.quote, literal=True)).then(quoted).otherwise(few)

    def first_row(self, lines: Iterable[str], fields: int = 0) -> Row:
        """The row that the lines start with; a quote that none of them ends makes no row of several.

        fields: the most that it may have; 0: any number.
        """
        text, first = "", ""
        for length, line in enumerate(lines, start=1):
            text, first = text + line, first or line
            if length > 1 and self.quote not in line:
                continue
            if not self.quote or self._row.fullmatch(text):
                return self._judged(text, length, fields)
            if not self._unfinished.fullmatch(text):
                break
        return Row(first, 1, first.rstrip("\r\n").split(self.separator), STRAY)

    def _judged(self, text: str, length: int, fields: int) -> Row:
        found = self._fields(text.rstrip("\r\n"))
        fault = f"{len(found)} fields, but {fields} columns" if 0 < fields < len(found) else ""
        return Row(text, length, found, fault)

    def _fields(self, row: str) -> list[str]:
        if not self.quote or self.quote not in row:
            return row.split(self.separator)
        cells = re.findall(f"(?:^|{re.escape(self.separator)})({self._cell})", row)
        return [cell[1:-1] if cell.startswith(self.quote) else cell for cell in cells]

    @property
    def _mark(self) -> str:
        return re.escape(self.quote)

    @property
    def _cell(self) -> str:
        return f"(?:{self._open_cell}{self._mark}|[^{self._mark}{re.escape(self.separator)}\\r\\n]*)"

    @property
    def _open_cell(self) -> str:
        mark = self._mark
        return f"{mark}[^{mark}]*(?:{mark}{mark}[^{mark}]*)*"

    @functools.cached_property
    def _row(self) -> re.Pattern[str]:
        return re.compile(f"{self._cell}(?:{re.escape(self.separator)}{self._cell})*[\\r\\n]*")

    @functools.cached_property
    def _unfinished(self) -> re.Pattern[str]:
        """A row whose last cell goes on in the next line."""
        return re.compile(f"(?:{self._cell}{re.escape(self.separator)})*{self._open_cell}")
