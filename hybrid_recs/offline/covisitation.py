"""Counts which items are met close together: the links S of the graph, and the lists R of the score."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from hybrid_recs.covisits import CoVisits
from hybrid_recs.offline.matrix import Encoded

WINDOW = 5
LIST_LENGTH = 50
HALF_LIFE = 0.25  # of the time span, for the age weights of R
# Weights are added up as whole numbers, so that sums do not depend on the order in which a streamed
# aggregation happens to add: 60 is divisible by every distance in the window, ages keep 20 bits.
_UNIT = 60
_PARTS = 2**20
_BLOCK = 2_000

Csr = sparse.csr_array


@dataclass(frozen=True, slots=True)
class CoVisitCounts:
    """links: S, symmetric n × n, or None without an order. lists: R, the best 50 of each row."""

    links: "Csr[np.float32] | None"
    lists: CoVisits


def count_covisits(
    data: Encoded, list_length: int = LIST_LENGTH, half_life: float = HALF_LIFE
) -> CoVisitCounts:
    """S and R of an ordered dataset; without an order, R is built from who was met by the same users.

    Two items at positions p and q of one history, 0 < |p - q| <= 5, add 1 / |p - q| to S in both
    directions; for R, with times, that is further weighted by 2^(-age / (half_life · time span)).
    R is scaled to 1 at the heaviest of each row.
    """
    if not data.ordered:
        return CoVisitCounts(None, _lists_without_order(data, list_length))
    pairs = _near_pairs(data, half_life)
    n = data.n_vectors
    rows, columns = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    half: Csr[np.float32] = Csr((_weights(pairs["link"], _UNIT), (rows, columns)), shape=(n, n))
    links: Csr[np.float32] = (half + half.T).tocsr()
    recent = pairs.select("a", "b", weight=pl.col("recent") / (_UNIT * _PARTS))
    both = pl.concat([recent, recent.select(a="b", b="a", weight="weight")])
    return CoVisitCounts(links, _top_lists(both, n, list_length))


def _near_pairs(data: Encoded, half_life: float) -> pl.DataFrame:
    """`a` < `b`, `link` and `recent`: summed weights of every unordered pair met within the window."""
    frame = data.pairs.lazy().with_columns(age=_age_weight(data, half_life))
    by_distance = []
    for distance in range(1, WINDOW + 1):
        here, there = pl.col("item"), pl.col("item").shift(distance)
        near = frame.select(
            a=pl.min_horizontal(here, there),
            b=pl.max_horizontal(here, there),
            same=(pl.col("user") == pl.col("user").shift(distance)) & (here != there),
            link=pl.lit(_UNIT // distance),
            recent=(pl.col("age") * (_UNIT / distance * _PARTS)).round().cast(pl.Int64),
        ).filter("same")
        by_distance.append(near.group_by("a", "b").agg(pl.col("link", "recent").sum()))
    summed = pl.concat(by_distance).group_by("a", "b").agg(pl.col("link", "recent").sum())
    return summed.sort("a", "b").collect(engine="streaming")


def _weights(whole: pl.Series, unit: int) -> NDArray[np.float32]:
    return (whole.to_numpy() / unit).astype(np.float32)


def _age_weight(data: Encoded, half_life: float) -> pl.Expr:
    if not data.timed:
        return pl.lit(1.0)
    first, last = cast(float, data.pairs["time"].min()), cast(float, data.pairs["time"].max())
    seconds = half_life * max(last - first, 1.0)
    return pl.lit(2.0).pow((pl.col("time") - last) / seconds)


def _top_lists(pairs: pl.DataFrame, n: int, length: int) -> CoVisits:
    """The `length` heaviest `b` of every `a`, scaled to 1 at the heaviest; ties to the lower row."""
    best = (
        pairs.sort("a", "weight", "b", descending=[False, True, False])
        .with_columns(
            place=pl.int_range(pl.len(), dtype=pl.UInt32).over("a"), top=pl.col("weight").max().over("a")
        )
        .filter((pl.col("place") < length) & (pl.col("weight") > 0))
    )
    counts = np.bincount(best["a"].to_numpy(), minlength=n)
    indptr = np.zeros(n + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    weights = (best["weight"] / best["top"]).cast(pl.Float32).to_numpy()
    return CoVisits(indptr, best["b"].cast(pl.UInt32).to_numpy(), weights)


def _lists_without_order(data: Encoded, length: int) -> CoVisits:
    """R from C = Aᵀ D_u⁻¹ A, a block of rows at a time."""
    matrix = data.matrix
    per_user = 1 / np.maximum(np.asarray(matrix.sum(axis=1)), 1)
    shared = sparse.diags_array(per_user.astype(np.float32)) @ matrix
    blocks = []
    transposed = matrix.T.tocsr()
    for start in range(0, data.n_vectors, _BLOCK):
        block = (transposed[start : start + _BLOCK] @ shared).tocoo()
        rows = block.row + start
        apart = rows != block.col
        blocks.append(
            pl.DataFrame(
                {
                    "a": rows[apart].astype(np.uint32),
                    "b": block.col[apart].astype(np.uint32),
                    "weight": block.data[apart],
                }
            )
            .sort("a", "weight", "b", descending=[False, True, False])
            .group_by("a", maintain_order=True)
            .head(length)
        )
    return _top_lists(pl.concat(blocks), data.n_vectors, length)
