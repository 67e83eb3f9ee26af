"""Reads the items table: the most frequent title wins, categories are united, texts are joined."""

import polars as pl

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.columns import as_id, as_text, require_ids
from hybrid_recs.offline.sources.conditions import with_condition
from hybrid_recs.offline.sources.dataset_config import DatasetConfig, ItemsTable
from hybrid_recs.offline.sources.read_errors import explained
from hybrid_recs.offline.sources.tables import require_columns, scan_table
from hybrid_recs.types import MAX_ID_LENGTH

_YES = ("true", "yes", "y", "t", "in stock", "instock", "available")
_NO = ("false", "no", "n", "f", "out of stock", "outofstock", "unavailable")
_CATEGORY_SEPARATOR = "\x1f"
_LONG_ID = f"with an id over {MAX_ID_LENGTH} characters"
SCHEMA = pl.Schema(
    [
        ("item", pl.String()),
        ("title", pl.String()),
        ("categories", pl.List(pl.String())),
        ("text", pl.String()),
        ("available", pl.Boolean()),
    ]
)
_GROUPED = pl.Schema([*SCHEMA.items(), ("group", pl.String())])


def read_items(config: DatasetConfig) -> pl.DataFrame:
    """The items of `read_counted_items`."""
    return read_counted_items(config)[0]


def read_counted_items(config: DatasetConfig) -> tuple[pl.DataFrame, dict[str, int]]:
    """One row per item, sorted by id: `item`, `title` or null, `categories`, `text`, `available` and `group`
    (both null without a column for them); empty without a table. And how many rows of the table are dropped,
    by reason.

    Raises DatasetError for a value of that column that says neither yes nor no.
    """
    table = config.items
    if table is None:
        return pl.DataFrame(schema=_GROUPED), {}
    with explained([table]):
        rows = _scan_rows(config, table).collect(engine="streaming")
    dropped = rows.drop_nulls("reason").sort("len", "reason", descending=[True, False])
    kept = rows.filter(pl.col("reason").is_null()).drop("reason")
    items = _unite_rows(kept.with_columns(available=_as_bool(kept["available"], table)))
    return items, dict(dropped.select("reason", "len").iter_rows())


def _scan_rows(config: DatasetConfig, table: ItemsTable) -> pl.LazyFrame:
    """Distinct rows and how many there are of each; those with a reason to be dropped have nothing else."""
    frame = scan_table(config, table)
    require_columns(config, table, table.named_columns)
    require_ids(frame, table.id_columns, table, config.id_rules)
    frame = with_condition(config, frame, table.where, table)
    texts = [as_text(name, table) for name in table.text] or [pl.lit(None, pl.String)]
    cells = frame.select(
        "__where",
        item=as_id(table.id, table, config.id_rules),
        title=as_text(table.title, table) if table.title else pl.lit(None, pl.String),
        categories=_categories(frame, table),
        text=pl.concat_str(texts, separator=" ", ignore_nulls=True),
        available=as_text(table.available, table) if table.available else pl.lit(None, pl.String),
        group=as_id(table.group, table, config.id_rules) if table.group else pl.lit(None, pl.String),
    )
    kept = pl.col("reason").is_null()
    return (
        cells.with_columns(reason=_reason())
        .select("reason", *(pl.when(kept).then(name).alias(name) for name in _GROUPED))
        .group_by(pl.all())
        .len()
    )


def _reason() -> pl.Expr:
    """Why a row is dropped: the first of these that applies, or null."""
    return (
        pl.when(~pl.col("__where").fill_null(False)).then(pl.lit("not matching where"))
        .when(pl.col("item").is_null()).then(pl.lit("without an id"))
        .when(pl.col("item").str.len_chars() > MAX_ID_LENGTH).then(pl.lit(_LONG_ID))
    )  # fmt: skip


def _categories(frame: pl.LazyFrame, table: ItemsTable) -> pl.Expr:
    """The names of one row, joined by a control character."""
    if table.categories is None:
        return pl.lit("")
    column = pl.col(table.categories.column)
    if isinstance(frame.collect_schema()[table.categories.column], pl.List):
        return column.cast(pl.List(pl.String)).list.join(_CATEGORY_SEPARATOR).fill_null("")
    text = as_text(column, table).fill_null("")
    separator = table.categories.separator
    return text.str.replace_all(separator, _CATEGORY_SEPARATOR, literal=True) if separator else text


def _as_bool(cells: pl.Series, table: ItemsTable) -> pl.Series:
    """Whether an item is in stock; a number of pieces says so, too."""
    text = cells.str.to_lowercase()
    pieces = text.cast(pl.Float64, strict=False)
    said = pl.select(
        pl.when(pl.lit(text).is_in(_YES)).then(True).when(pl.lit(text).is_in(_NO)).then(False)
        .otherwise(pl.lit(pieces) > 0)
    ).to_series()  # fmt: skip
    unclear = cells.filter(said.is_null() & cells.is_not_null())
    if len(unclear):
        raise DatasetError(
            f"{table.shown}: column {table.available!r} holds {unclear[0]!r}, which says neither yes nor no; "
            f"give {', '.join(_YES)}, {', '.join(_NO)} or a number of pieces"
        )
    return said


def _unite_rows(rows: pl.DataFrame) -> pl.DataFrame:
    categories = (
        rows.select("item", pl.col("categories").str.split(_CATEGORY_SEPARATOR))
        .with_columns(place=pl.int_ranges(pl.col("categories").list.len()))
        .explode("categories", "place")
        .with_columns(pl.col("categories").str.strip_chars())
        .filter(pl.col("categories") != "")
        .group_by("item", "categories")
        .agg(pl.col("place").min())
        .sort("item", "place", "categories")
        .group_by("item", maintain_order=True)
        .agg("categories")
    )
    texts = (
        rows.filter(pl.col("text") != "")
        .select("item", "text")
        .unique()
        .sort("item", "text")
        .group_by("item")
        .agg(pl.col("text").str.join(" "))
    )
    available = rows.drop_nulls("available").group_by("item").agg(pl.col("available").any())
    united = rows.select("item").unique().sort("item")
    parts = (_most_frequent(rows, "title"), categories, texts, available, _most_frequent(rows, "group"))
    for part in parts:
        united = united.join(part, on="item", how="left")
    return united.with_columns(pl.col("categories").fill_null([])).select(*_GROUPED).cast(_GROUPED)


def _most_frequent(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """`item` and the value of a column that most of its rows have, ties by the value."""
    return (
        rows.drop_nulls(name)
        .group_by("item", name)
        .agg(pl.col("len").sum())
        .sort("item", "len", name, descending=[False, True, False])
        .group_by("item")
        .agg(pl.col(name).first())
    )
