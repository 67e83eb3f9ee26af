"""Text files as whole lines, whatever separates their cells."""

import codecs
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from hybrid_recs.offline.sources.compression import open_bytes

_BOM = codecs.BOM_UTF8.decode()


def scan_whole_lines(paths: Sequence[Path], skip_rows: int = 0, comment: str = "") -> pl.LazyFrame:
    """The columns `line` and `number` (from 1): every line of each file but blank ones, the first `skip_rows`
    and those that start with `comment`."""
    return pl.concat(_lines_of(path, skip_rows, comment) for path in paths)


def _lines_of(path: Path, skip_rows: int, comment: str) -> pl.LazyFrame:
    line = pl.col("line")
    lines = pl.scan_lines(path, name="line", row_index_name="number", row_index_offset=1, glob=False)
    if _has_bom(path):
        lines = lines.with_columns(line.str.strip_prefix(_BOM))
    lines = lines.filter(line != "")
    if skip_rows:
        lines = lines.filter(pl.col("number") > skip_rows)
    return lines.filter(~line.str.starts_with(comment)) if comment else lines


def _has_bom(path: Path) -> bool:
    with open_bytes(path) as content:
        return content.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
