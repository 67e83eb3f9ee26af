"""Whether visitors walk through the items in an order of the catalogue: that of the items table, or by id."""

import polars as pl

from hybrid_recs.offline.sources.columns import as_id
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.offline.sources.read_errors import explained
from hybrid_recs.offline.sources.tables import scan_table

_NEAR = 3  # places: a walk leaves out a page now and then


def walk_shares(config: DatasetConfig, items: pl.Series, steps: pl.DataFrame) -> pl.DataFrame:
    """`user` and `walk`: the share of the steps to a later time that go to a near item, in the order and the
    direction in which most do.

    items: those that have an interaction. steps: as of `walks.steps_of`.
    """
    places = _places(config, items)
    placed = steps.join(places, on="item", how="left", maintain_order="left")
    orders = [name for name in places.columns if name != "item"]
    # The first row of a user has no seconds, so that no step leads from one user to the next.
    later = placed.with_columns(pl.col(orders).diff()).filter(pl.col("seconds") > 0)
    shares = [
        pl.col(orders).is_between(1, _NEAR).fill_null(False).mean().name.suffix(" up"),
        pl.col(orders).is_between(-_NEAR, -1).fill_null(False).mean().name.suffix(" down"),
    ]
    by_user = later.group_by("user").agg(shares)
    return by_user.select("user", walk=pl.max_horizontal(pl.exclude("user")))


def _places(config: DatasetConfig, items: pl.Series) -> pl.DataFrame:
    """The places of the items among each other, in every order."""
    distinct = items.unique().to_frame("item")
    # Shorter ids first: numbers by value, and those behind a common prefix.
    by_length = distinct.sort(pl.col("item").str.len_chars(), "item").with_row_index("by length")
    by_id = distinct.sort("item").with_row_index("by id")
    listed = _listed(config).to_frame("item").join(distinct, on="item", how="semi", maintain_order="left")
    places = by_length.join(by_id, on="item").join(
        listed.with_row_index("as listed"), on="item", how="left", maintain_order="left"
    )
    return places.with_columns(pl.exclude("item").cast(pl.Int64))


def _listed(config: DatasetConfig) -> pl.Series:
    """The ids of the items table in its order, each once; empty without a table."""
    table = config.items
    if table is None:
        return pl.Series("item", [], pl.String)
    with explained([table]):
        ids = scan_table(config, table).select(item=as_id(table.id, table, config.id_rules)).drop_nulls()
        places = ids.with_row_index("place").group_by("item").agg(pl.col("place").min())
        return places.collect(engine="streaming").sort("place")["item"]
