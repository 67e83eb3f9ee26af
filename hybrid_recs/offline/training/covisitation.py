"""Counts which items co-occur closely in histories: the links S of the graph, the lists R of the score."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from hybrid_recs.generation.covisits import CoVisits
from hybrid_recs.offline.data.encoding import EncodedData

WINDOW = 5
LIST_LENGTH = 50
HALF_LIFE = 0.25  # of the time span, for the age weights of R
# Weights are summed as integers, so that the result does not depend on the order of a streamed aggregation:
# 60 is divisible by every distance in the window, ages keep 20 bits.
_UNIT = 60
_PARTS = 2**20
_BLOCK = 2_000
PART_PAIRS = 10_000_000

Csr = sparse.csr_array


@dataclass(frozen=True, slots=True)
class CoVisitCounts:
    """links: S, symmetric n × n, or None without an order. lists: R, the best 50 of each row."""

    links: "Csr[np.float32] | None"
    lists: CoVisits


def count_covisits(
    data: EncodedData,
    list_length: int = LIST_LENGTH,
    half_life: float = HALF_LIFE,
    part_pairs: int = PART_PAIRS,
) -> CoVisitCounts:
    """S and R of an ordered dataset; without an order there is only R, from items that share users.

    Two items at positions p and q of one history, 0 < |p - q| <= 5, add 1 / |p - q| to S in both
    directions; for R, with times, the addend is also multiplied by 2^(-age / (half_life · time span)).
    R is scaled to 1 at the heaviest of each row.
    Rows are counted range by range, so that about `part_pairs` pairs are in memory at a time; the result
    does not depend on `part_pairs`.
    """
    if not data.ordered:
        return CoVisitCounts(None, _lists_without_order(data, list_length))
    places = _places(data, half_life)
    columns, links, lists = [], [], []
    counts = np.zeros(data.n_vectors, np.int64)
    for first, end in _row_ranges(data, part_pairs):
        near = _near_pairs(places, first, end)
        keys = near["key"].to_numpy()
        rows, others = (keys >> np.uint64(32)).astype(np.uint32), keys.astype(np.uint32)
        counts[first:end] = np.bincount(rows - np.uint32(first), minlength=end - first)
        columns.append(others.astype(np.int32))
        links.append(_weights(near["link"], _UNIT))
        recent = near.select(weight=pl.col("recent") / (_UNIT * _PARTS))["weight"]
        lists.append(_best(pl.DataFrame({"a": rows, "b": others, "weight": recent}), list_length))
    return CoVisitCounts(_joined(counts, columns, links), _lists(pl.concat(lists), data.n_vectors))


def _row_ranges(data: EncodedData, part_pairs: int) -> Iterator[tuple[int, int]]:
    """Consecutive ranges of all rows, each with at most about `part_pairs` near pairs."""
    max_pairs = np.cumsum(data.degrees.astype(np.int64) * (2 * WINDOW))
    first = 0
    while first < data.n_vectors:
        before = max_pairs[first - 1] if first else 0
        end = max(first + 1, int(np.searchsorted(max_pairs, before + part_pairs, "right")))
        yield first, end
        first = end


def _places(data: EncodedData, half_life: float) -> pl.LazyFrame:
    """`item`, `age` (weight) and `place` in its user's history, from 0, of every pair."""
    place = pl.int_range(pl.len(), dtype=pl.UInt32).over("user")
    return data.pairs.select("item", place=place, age=_age_weight(data, half_life)).lazy()


def _near_pairs(places: pl.LazyFrame, first: int, end: int) -> pl.DataFrame:
    """`key` (a · 2³² + b, ascending), `link` and `recent`: summed weights of the pairs within the window, in
    both directions, whose `a` is in [first, end)."""
    by_distance = []
    for distance in range(1, WINDOW + 1):
        near = places.select(
            "place",
            "age",
            later=pl.col("item").cast(pl.UInt64),
            earlier=pl.col("item").shift(distance).cast(pl.UInt64),
        ).filter(pl.col("place") >= distance)
        for a, b in (("later", "earlier"), ("earlier", "later")):
            directed = near.filter(pl.col(a).is_between(first, end, closed="left")).select(
                key=pl.col(a) * 2**32 + pl.col(b),
                link=pl.lit(_UNIT // distance, pl.Int32),
                # The age of a pair is that of its later interaction.
                recent=(pl.col("age") * (_UNIT / distance * _PARTS)).round().cast(pl.Int64),
            )
            by_distance.append(directed)
    summed = pl.concat(by_distance).group_by("key").agg(pl.col("link", "recent").sum())
    return summed.sort("key").collect(engine="streaming")


def _joined(
    counts: NDArray[np.int64], columns: list[NDArray[np.int32]], links: list[NDArray[np.float32]]
) -> "Csr[np.float32]":
    """S from the parts of its rows; the parts are freed on the way."""
    n = len(counts)
    indptr = np.zeros(n + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    indices, values = np.concatenate(columns), np.concatenate(links)
    columns.clear()
    links.clear()
    if indptr[-1] <= np.iinfo(np.int32).max:
        indptr = indptr.astype(np.int32)
    return Csr((values, indices, indptr), shape=(n, n))


def _weights(whole: pl.Series, unit: int) -> NDArray[np.float32]:
    return (whole.to_numpy() / unit).astype(np.float32)


def _age_weight(data: EncodedData, half_life: float) -> pl.Expr:
    if not data.timed:
        return pl.lit(1.0)
    first, last = cast(float, data.pairs["time"].min()), cast(float, data.pairs["time"].max())
    seconds = half_life * max(last - first, 1.0)
    return pl.lit(2.0).pow((pl.col("time") - last) / seconds)


def _best(pairs: pl.DataFrame, length: int) -> pl.DataFrame:
    """The `length` heaviest `b` of every `a`, scaled to 1 at the heaviest; ties to the lower row."""
    ordered = pairs.filter(pl.col("weight") > 0).sort("a", "weight", "b", descending=[False, True, False])
    place = pl.int_range(pl.len(), dtype=pl.UInt32).over("a")
    return (
        ordered.with_columns(place=place, top=pl.col("weight").first().over("a"))
        .filter(pl.col("place") < length)
        .select("a", "b", weight=(pl.col("weight") / pl.col("top")).cast(pl.Float32))
    )


def _lists(best: pl.DataFrame, n: int) -> CoVisits:
    indptr = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(best["a"].to_numpy(), minlength=n), out=indptr[1:])
    return CoVisits(indptr, best["b"].to_numpy(), best["weight"].to_numpy())


def _lists_without_order(data: EncodedData, length: int) -> CoVisits:
    """R from C = Aᵀ D_u⁻¹ A, a block of rows at a time."""
    matrix = data.matrix
    per_user = 1 / np.maximum(np.asarray(matrix.sum(axis=1)), 1)
    shared = sparse.diags_array(per_user.astype(np.float32)) @ matrix
    transposed = matrix.T.tocsr()

    def best(start: int) -> pl.DataFrame:
        block = (transposed[start : start + _BLOCK] @ shared).tocoo()
        rows = block.row + start
        distinct = rows != block.col
        a, b = rows[distinct].astype(np.uint32), block.col[distinct].astype(np.uint32)
        return _best(pl.DataFrame({"a": a, "b": b, "weight": block.data[distinct]}), length)

    # SciPy's sparse products run on one core and release the GIL.
    with ThreadPoolExecutor(cpu_count() or 1) as pool:
        return _lists(pl.concat(pool.map(best, range(0, data.n_vectors, _BLOCK))), data.n_vectors)
