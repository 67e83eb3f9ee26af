"""Pools the variants of a product: they are learned as one item, with the id of the one that lists show."""

import polars as pl

from hybrid_recs.offline.data.items import SCHEMA

VARIANTS = pl.Schema([*SCHEMA.items(), ("representative", pl.String())])


def no_variants() -> pl.DataFrame:
    """The variants of a dataset whose items have none."""
    return pl.DataFrame(schema=VARIANTS)


def split_variants(pairs: pl.DataFrame, items: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The items that are learned, without `group`, and the variants of `find_variants`."""
    variants = find_variants(pairs, items)
    return items.drop("group").join(variants, on="item", how="anti"), variants


def find_variants(pairs: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """The further variants of the products, with `representative`: the most popular of their group that the
    items table lists and has in stock, else the most popular one; by group, the most popular ones first.

    items: of the table, with `group`, null for an item of no group. An id that is the name of a group, in the
    table or in the log alone, is one of its variants; in the log alone, it cannot be recommended.
    """
    if items["group"].null_count() == len(items):
        return no_variants()
    counts = pairs.group_by("item").agg(interactions=pl.col("count").sum())
    known = items.with_columns(listed=pl.lit(True)).join(counts, on="item", how="full", coalesce=True)
    names = items["group"].unique().implode()
    members = known.with_columns(
        pl.coalesce("group", pl.when(pl.col("item").is_in(names)).then("item")),
        available=pl.when("listed").then("available").otherwise(pl.lit(False)),
        categories=pl.col("categories").fill_null([]),
    ).filter(pl.col("group").is_not_null(), pl.len().over("group") > 1)
    listed = pl.col("listed").fill_null(False)
    in_stock, interactions = pl.col("available").fill_null(True), pl.col("interactions").fill_null(0)
    best_first = members.sort(
        "group", listed, in_stock, interactions, "item", descending=[False, True, True, True, False]
    )
    chosen = best_first.with_columns(representative=pl.col("item").first().over("group"))
    return chosen.filter(pl.col("item") != pl.col("representative")).select(*VARIANTS).cast(VARIANTS)


def as_representatives(rows: pl.DataFrame, variants: pl.DataFrame) -> pl.DataFrame:
    """The rows with the representative of every variant as `item`, in the same order."""
    named = variants.select("item", "representative")
    joined = rows.join(named, on="item", how="left", maintain_order="left")
    return joined.with_columns(item=pl.coalesce("representative", "item")).drop("representative")


def pool_pairs(pairs: pl.DataFrame, variants: pl.DataFrame) -> pl.DataFrame:
    """The pairs with the interactions of every variant counted as those of its representative."""
    if variants.is_empty():
        return pairs
    latest = [pl.col("basket").sort_by("time", "order").drop_nulls().last()]
    baskets = latest if "basket" in pairs.columns else []
    return (
        as_representatives(pairs, variants)
        .group_by("user", "item")
        .agg(pl.col("time", "order").max(), pl.col("weight", "count").sum(), *baskets)
        .select(pairs.columns)
        .cast(dict(pairs.schema))  # type: ignore[arg-type]
    )
