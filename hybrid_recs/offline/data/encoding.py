"""Gives items their rows and turns pairs into a sparse users × items matrix."""

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from hybrid_recs.offline.data.dataset import Dataset
from hybrid_recs.offline.data.variants import no_variants
from hybrid_recs.types import Floats, Rows


@dataclass(frozen=True, slots=True)
class EncodedData:
    """A dataset in numbers.

    items: `item`, `title`, `categories`, `text`, `popularity` (weighted interactions), `requests`
        (interactions, whatever their weight), `recommended` (whether it may be), in row order.
    pairs: `user` and `item` as codes (u32), `time`; histories together and in order. Only of items that
        can have a learned vector (rows below `n_vectors`): those that share a user with another item.
    matrix: users × n_vectors, 0/1.
    variants: as of `Dataset`.
    n_content: how many of the rows behind those have a vector from their metadata; 0 until they are embedded.
    """

    items: pl.DataFrame
    pairs: pl.DataFrame
    matrix: sparse.csr_array[np.float32]
    n_vectors: int
    timed: bool
    ordered: bool
    n_content: int = 0
    variants: pl.DataFrame = field(default_factory=no_variants)

    @property
    def popularity(self) -> NDArray[np.float64]:
        """Weighted interactions of every item, in row order."""
        return self.items["popularity"].to_numpy()

    @property
    def requests(self) -> NDArray[np.float64]:
        """Interactions of every item, in row order: how often it may be expected to be requested."""
        return self.items["requests"].to_numpy()

    @property
    def unlisted(self) -> Rows:
        """Rows that must not be recommended, ascending."""
        return np.flatnonzero(~self.items["recommended"].to_numpy())

    @property
    def degrees(self) -> Floats:
        """d_i: users of each of the first n_vectors items."""
        return np.asarray(self.matrix.sum(axis=0), np.float32)


def encode(dataset: Dataset) -> EncodedData:
    """Assign rows: items with a vector first, each part from most to least popular, ties by id."""
    pairs = dataset.pairs
    linked = pairs.with_columns(linked=pl.len().over("user") > 1)
    known = linked.group_by("item").agg(
        popularity=pl.col("weight").sum(),
        requests=pl.col("count").sum().cast(pl.Float64),
        linked=pl.col("linked").any(),
    )
    items = (
        known.join(dataset.items.with_columns(listed=pl.lit(True)), on="item", how="full", coalesce=True)
        .with_columns(
            recommended=pl.col("available").fill_null(True)
            & (pl.col("listed").fill_null(False) | (not dataset.only_listed)),
        )
        .drop("available", "listed")
        .with_columns(
            pl.col("popularity", "requests").fill_null(0.0),
            pl.col("linked").fill_null(False),
            pl.col("categories").fill_null([]),
        )
        .sort("linked", "popularity", "item", descending=[True, True, False])
        .with_row_index("row")
    )
    n_vectors = int(items["linked"].sum())
    users = pairs.select(pl.col("user").unique().sort()).with_row_index("code")
    coded = (
        pairs.join(
            items.filter("linked").select("item", "row"), on="item", how="inner", maintain_order="left"
        )
        .join(users, on="user", how="inner", maintain_order="left")
        .select(user=pl.col("code"), item=pl.col("row"), time=pl.col("time"))
    )
    return EncodedData(
        items=items.drop("linked", "row"),
        pairs=coded,
        matrix=_matrix(coded, len(users), n_vectors),
        n_vectors=n_vectors,
        timed=dataset.timed,
        ordered=dataset.ordered,
        variants=dataset.variants,
    )


def with_content(data: EncodedData, embedded: Rows) -> EncodedData:
    """The rows embedded from their metadata (ascending) follow the learned ones, the rest comes last."""
    learned = np.arange(data.n_vectors)
    rest = np.setdiff1d(np.arange(data.n_vectors, len(data.items)), embedded, assume_unique=True)
    items = data.items[np.concatenate((learned, embedded, rest))] if len(embedded) else data.items
    return replace(data, items=items, n_content=len(embedded))


def _matrix(pairs: pl.DataFrame, n_users: int, n_items: int) -> sparse.csr_array[np.float32]:
    users, items = pairs["user"].to_numpy(), pairs["item"].to_numpy()
    ones = np.ones(len(pairs), np.float32)
    return sparse.csr_array((ones, (users, items)), shape=(n_users, n_items))
