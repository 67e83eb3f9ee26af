"""An example of the rows that are dropped for each reason."""

from collections.abc import Mapping

import polars as pl

from hybrid_recs.offline.data.interactions import MAX_PLACES, ORDER_STRIDE
from hybrid_recs.offline.sources.dataset_config import DatasetConfig, InteractionsTable
from hybrid_recs.offline.sources.masking import masked
from hybrid_recs.offline.sources.tables import scan_table

Example = tuple[str, int, dict[str, str]]
"""The table, the number of the row in it, from 1, and its used cells."""


def example_rows(
    config: DatasetConfig, first_dropped: Mapping[str, int], show_users: bool
) -> dict[str, Example]:
    """The first row of every reason; first_dropped: reason → its order."""
    return {reason: _example(config, order, show_users) for reason, order in first_dropped.items()}


def _example(config: DatasetConfig, order: int, show_users: bool) -> Example:
    number, place = divmod(order, ORDER_STRIDE)
    table = config.sources[number]
    frame = scan_table(config, table)
    if _holds_several(frame, table):
        place //= MAX_PLACES
    used = [*dict.fromkeys(table.named_columns)]
    cells = frame.select(used).slice(place, 1).collect().row(0, named=True)
    shown = {
        name: masked(str(cell)) if name in table.private_columns and not show_users else str(cell)
        for name, cell in cells.items()
        if cell is not None
    }
    return table.shown, place + 1, shown


def _holds_several(frame: pl.LazyFrame, table: InteractionsTable) -> bool:
    kind = frame.collect_schema()[table.item.column]
    return bool(table.item.separator) or isinstance(kind, pl.List)
