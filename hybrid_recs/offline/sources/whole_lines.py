"""Text files as whole lines, whatever separates their cells."""

from collections.abc import Sequence

import polars as pl

# A control character that no text file holds: makes the reader return whole lines.
_NO_SEPARATOR = "\x01"


def scan_whole_lines(paths: Sequence[str], skip_rows: int = 0, comment: str | None = None) -> pl.LazyFrame:
    """The column `line`: every line but blank ones, the first `skip_rows` and those that start with
    `comment`."""
    return pl.scan_csv(
        list(paths),
        separator=_NO_SEPARATOR,
        has_header=False,
        new_columns=["line"],
        quote_char=None,
        infer_schema=False,
        skip_lines=skip_rows,
        comment_prefix=comment,
    ).drop_nulls("line")
