"""`query`: Polars SQL over the raw tables of a dataset.toml, for nested events, joins and casts.

A query sees the tables that the description names and nothing else: functions that read files are refused.
"""

import re
from collections.abc import Mapping
from itertools import pairwise

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.polars_errors import first_line

OWN_FILES = "raw"
"""What a query calls the files of its own table's path."""

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<text>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")*"|`[^`]*`)"""
    r"""|(?P<word>[^\W\d]\w*)|(?P<mark>[^\s\w])|(?P<other>\w+)""",
    re.DOTALL,
)
_ENDS_FROM = frozenset(
    ("where", "group", "having", "order", "limit", "offset", "union", "intersect", "except")
)
_READS_FILES = re.compile(r"(read|scan)_\w+", re.IGNORECASE)
_KEYWORDS_BEFORE_BRACKETS = frozenset(("unnest", "lateral"))


def run_query(query: str, tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """The result of one SELECT; raises DatasetError for anything else, and when Polars cannot run it."""
    _require_select(query)
    try:
        result = pl.SQLContext(dict(tables), register_globals=False).execute(query, eager=False)
        result.collect_schema()
    except pl.exceptions.PolarsError as error:
        shown = "; ".join(f"{name} ({', '.join(frame.collect_schema())})" for name, frame in tables.items())
        raise DatasetError(
            f"query: cannot be run ({first_line(error)}); the tables and columns are {shown or 'none'}"
        ) from error
    return result


def _require_select(query: str) -> None:
    tokens = [
        (kind, match.group().strip('"`').lower() if kind in ("quoted", "word") else match.group())
        for match in _TOKEN.finditer(query)
        if (kind := str(match.lastgroup)) != "comment"
    ]
    if not tokens or tokens[0] not in (("word", "select"), ("word", "with")):
        raise DatasetError("query: only one SELECT is run, which may start with WITH")
    for name in _functions_as_tables(tokens) | _functions_that_read(tokens):
        raise DatasetError(
            f"query: {name}(…) is refused: a query reads the tables of the dataset.toml only; describe the "
            "file as [tables.NAME]"
        )


def _functions_that_read(tokens: list[tuple[str, str]]) -> set[str]:
    return {
        name
        for (kind, name), (_, following) in pairwise(tokens)
        if kind in ("word", "quoted") and following == "(" and _READS_FILES.fullmatch(name)
    }


def _functions_as_tables(tokens: list[tuple[str, str]]) -> set[str]:
    """Functions where a table stands: behind FROM and JOIN, and behind a comma between those tables."""
    found, depth, lists, expected = set(), 0, set[int](), False
    for place, (kind, name) in enumerate(tokens):
        if kind == "word" and name in ("from", "join"):
            lists.add(depth)
            expected = True
            continue
        if kind == "word" and name in _ENDS_FROM:
            lists.discard(depth)
        following = tokens[place + 1][1] if place + 1 < len(tokens) else ""
        is_function = kind in ("word", "quoted") and following == "("
        if expected and is_function and name not in _KEYWORDS_BEFORE_BRACKETS:
            found.add(name)
        expected = name == "," and depth in lists
        if name == "(":
            depth += 1
        elif name == ")":
            lists.discard(depth)
            depth -= 1
    return found
