"""Describes the tables of a dataset: their files and columns."""

from pathlib import Path

import polars as pl

from hybrid_recs.offline.check.report import ColumnReport, SourceReport
from hybrid_recs.offline.sources.data_files import data_files
from hybrid_recs.offline.sources.dataset_config import (
    DatasetConfig,
    InteractionsTable,
    ItemsTable,
    QueriedTable,
    Table,
    format_of,
    separator_of,
)
from hybrid_recs.offline.sources.masking import masked
from hybrid_recs.offline.sources.tables import bad_lines, scan_raw, scan_table

_NAMES, _SAMPLES, _SAMPLE_ROWS, _SHOWN = 3, 3, 1_000, 40


def describe_sources(config: DatasetConfig, show_users: bool) -> list[SourceReport]:
    """Interactions, items and raw tables, in the order of the description."""
    several = len(config.interactions) > 1
    named: list[tuple[str, Table]] = [
        (f"interactions {number}" if several else "interactions", table)
        for number, table in enumerate(config.sources, start=1)
    ]
    if config.items:
        named.append(("items", config.items))
    # The same files may be described as several tables.
    private = {column for table in config.sources for column in table.private_columns}
    reports = [_describe(config, name, table, show_users, private) for name, table in named]
    for name, raw in config.tables.items():
        # A query may take any column for a user, under another name.
        reports.append(_describe(config, f"tables.{name}", raw, show_users, None))
    return reports


def _describe(
    config: DatasetConfig, name: str, table: Table, show_users: bool, private: set[str] | None
) -> SourceReport:
    """private: the columns to mask; None: all."""
    own = data_files(config, table) if table.path else []
    hidden = set() if show_users else private
    return SourceReport(
        table=name,
        files=len(own),
        names=[file.name.rsplit("/", 1)[-1] for file in own[:_NAMES]],
        bytes=sum(file.path.stat().st_size for file in own),
        format=(table.format or format_of(own[0].path) or "") if own else "query",
        reading=_reading(table, own[0].path.name) if own else "",
        columns=_columns(config, table, hidden),
        bad_lines=[bad.text for bad in bad_lines(config, table)] if own else [],
    )


def _reading(table: Table, name: str) -> str:
    """How the text of a CSV file is read."""
    if (table.format or format_of(Path(name))) != "csv":
        return ""
    text = separator_of(table, Path(name))
    separator = {",": "commas", "\t": "tabs", " ": "blanks"}.get(text, repr(text))
    quote = f"quoted by {table.quote}" if table.quote else "not quoted"
    return f"separated by {separator}, {quote}, {table.encoding}"


def _columns(config: DatasetConfig, table: Table, hidden: set[str] | None) -> list[ColumnReport]:
    frame = scan_table(config, table) if isinstance(table, QueriedTable) else scan_raw(config, table)
    head = frame.head(_SAMPLE_ROWS).collect()
    uses = _uses(table)
    return [
        ColumnReport(
            name=name,
            type=str(kind),
            use=uses.get(name, ""),
            samples=_samples(head[name], hidden is None or name in hidden),
        )
        for name, kind in head.schema.items()
    ]


def _samples(cells: pl.Series, hide: bool) -> list[str]:
    distinct = map(str, cells.drop_nulls().unique(maintain_order=True).head(_SAMPLES).to_list())
    return [masked(value) if hide else value[:_SHOWN] for value in distinct]


def _uses(table: Table) -> dict[str, str]:
    """Column → what it is taken for."""
    uses: dict[str, list[str]] = {}
    if isinstance(table, InteractionsTable):
        named = [
            *((column, "user") for column in table.user),
            (table.item.column, "item"),
            (table.time, "time"),
            (table.weight, "weight"),
            (table.event, "event"),
            (table.basket, "basket"),
        ]
    elif isinstance(table, ItemsTable):
        categories = table.categories.column if table.categories else None
        named = [
            (table.id, "id"),
            (table.title, "title"),
            (categories, "categories"),
            *((column, "text") for column in table.text),
            (table.available, "available"),
            (table.group, "group"),
        ]
    else:
        named = []
    for column, use in named:
        if column:
            uses.setdefault(column, []).append(use)
    return {column: ", ".join(names) for column, names in uses.items()}
