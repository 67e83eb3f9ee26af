"""`query`: Polars SQL over the raw tables of a dataset.toml, for nested events, joins and casts.

A query sees the tables that the description names and nothing else: functions that read files are refused.
"""

from collections.abc import Mapping

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.polars_errors import first_line
from hybrid_recs.offline.sources.sql_guard import require_select


def run_query(query: str, tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """The result of one SELECT; raises DatasetError for anything else, and when Polars cannot run it."""
    require_select(query)
    try:
        result = pl.SQLContext(dict(tables), register_globals=False).execute(query, eager=False)
        result.collect_schema()
    except pl.exceptions.PolarsError as error:
        shown = "; ".join(f"{name} ({', '.join(frame.collect_schema())})" for name, frame in tables.items())
        raise DatasetError(
            f"query: cannot be run ({first_line(error)}); the tables and columns are {shown or 'none'}"
        ) from error
    return result
