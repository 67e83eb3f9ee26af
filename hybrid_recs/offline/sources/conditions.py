"""`where`: an SQL condition over the columns of a table."""

import itertools
from collections.abc import Iterator

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.columns import as_number, parsed_share, sample
from hybrid_recs.offline.sources.dataset_config import DatasetConfig, Table
from hybrid_recs.offline.sources.polars_errors import first_line
from hybrid_recs.offline.sources.sql_guard import require_condition
from hybrid_recs.offline.sources.tables import require_columns

# Of which columns are numbers: all ways for eight columns; for more, up to two or three of them as text.
_MAX_TRIES = 300


def with_condition(
    config: DatasetConfig, frame: pl.LazyFrame, where: str | None, table: Table
) -> pl.LazyFrame:
    """Adds `__where`, of booleans; columns read as text that hold numbers are compared as numbers."""
    if not where:
        return frame.with_columns(__where=True)
    require_condition(where)
    try:
        condition = pl.sql_expr(where)
        names = list(dict.fromkeys(condition.meta.root_names()))
    except pl.exceptions.PolarsError as error:
        raise DatasetError(f"where: not valid SQL ({first_line(error)})") from error
    require_columns(config, table, names)
    numeric = [name for name in names if _holds_numbers(frame, name, table)]
    problem = ""
    # A column of digits may be meant as text all the same (id <> '007'): as many as fit are numbers.
    for chosen in itertools.islice(_subsets(numeric), _MAX_TRIES):
        tried = frame.with_columns(as_number(name, table).alias(name) for name in chosen)
        tried = tried.with_columns(__where=condition)
        try:
            if tried.select("__where").head(1).collect()["__where"].dtype == pl.Boolean:
                return tried
            problem = problem or "it is not a condition"
        except pl.exceptions.PolarsError as error:
            problem = problem or first_line(error)
    raise DatasetError(f"where: {where!r} cannot be run ({problem})")


def _subsets(names: list[str]) -> Iterator[tuple[str, ...]]:
    """The largest first."""
    for count in range(len(names), -1, -1):
        yield from itertools.combinations(names, count)


def _holds_numbers(frame: pl.LazyFrame, column: str, table: Table) -> bool:
    if frame.collect_schema()[column] != pl.String:
        return False
    values = sample(frame, column).to_frame()
    return len(values) > 0 and parsed_share(values.select(as_number(column, table)).to_series()) > 0.99
