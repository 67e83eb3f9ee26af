"""Turns a failed read into an error that names the files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.dataset_config import Table
from hybrid_recs.offline.sources.polars_errors import first_line


@contextmanager
def explained(tables: Sequence[Table]) -> Iterator[None]:
    """Raise DatasetError for whatever goes wrong while these tables are read."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:
        names = ", ".join(table.shown for table in tables)
        raise DatasetError(f"{names}: cannot be read ({first_line(error)})") from error
