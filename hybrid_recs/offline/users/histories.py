"""Every user's history in the rows of a generation, which may have been built from other data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hybrid_recs.errors import DatasetError
from hybrid_recs.generation.catalogue import Catalogue
from hybrid_recs.offline.data.dataset import Dataset
from hybrid_recs.types import SECONDS_PER_DAY, Rows


@dataclass(frozen=True, slots=True)
class Histories:
    """Users, the most recently active first, each with distinct rows, oldest first.

    rows, starts: the history of user u is `rows[starts[u]:starts[u + 1]]`.
    unknown_items: distinct items of the data that the generation lacks; unknown_pairs: their (user, item)
        pairs. users_left_out: users without any other item, who get no list.
    """

    users: list[str]
    rows: NDArray[np.uint32]
    starts: NDArray[np.int64]
    unknown_items: int
    unknown_pairs: int
    users_left_out: int

    def __len__(self) -> int:
        return len(self.users)

    @property
    def summary(self) -> str:
        """One line: users who get a list, and the data that the generation lacks."""
        text = f"{len(self):,} users, {len(self.rows):,} pairs"
        if self.unknown_items:
            text += f"; {self.unknown_items:,} items ({self.unknown_pairs:,} pairs) are not in the generation"
        if self.users_left_out:
            text += f"; {self.users_left_out:,} users have no other items"
        return text

    def batches(self, size: int) -> Iterator[tuple[list[str], list[Rows]]]:
        """Users and histories, `size` at a time."""
        for start in range(0, len(self), size):
            end = min(start + size, len(self))
            bounds = self.starts[start : end + 1]
            rows = self.rows[bounds[0] : bounds[-1]].astype(np.int64)
            yield self.users[start:end], np.split(rows, bounds[1:-1] - bounds[0])


def histories_of(dataset: Dataset, catalogue: Catalogue, active_days: float | None = None) -> Histories:
    """The histories of all users, or of those active in the last `active_days` of the data.

    Raises DatasetError when `active_days` is given and the data has no times.
    """
    users = _by_recency(dataset, active_days)
    pairs = dataset.pairs.select("user", "item").join(users, on="user", how="inner", maintain_order="left")
    pairs = pairs.join(_rows_of(pairs["item"].unique(), catalogue), on="item", maintain_order="left")
    unknown = pairs.filter(pl.col("row").is_null())
    known = pairs.drop_nulls("row").sort("place", maintain_order=True)
    lengths = known.group_by("place", maintain_order=True).agg(pl.col("user").first(), length=pl.len())
    return Histories(
        users=lengths["user"].to_list(),
        rows=known["row"].to_numpy(),
        starts=np.concatenate(([0], np.cumsum(lengths["length"].to_numpy()))).astype(np.int64),
        unknown_items=unknown["item"].n_unique(),
        unknown_pairs=len(unknown),
        users_left_out=len(users) - len(lengths),
    )


def _by_recency(dataset: Dataset, active_days: float | None) -> pl.DataFrame:
    """`user` and `place`, from 0; without times by the order of the data."""
    latest = dataset.pairs.group_by("user").agg(pl.col("time").max(), pl.col("order").max())
    if active_days is not None:
        if not dataset.timed:
            raise DatasetError(
                f"{dataset.name}: the interactions have no times, so active days cannot be used"
            )
        end = cast(float, latest["time"].max())
        latest = latest.filter(pl.col("time") > end - active_days * SECONDS_PER_DAY)
    latest = latest.sort("time", "order", descending=True, nulls_last=True)
    return latest.select("user").with_row_index("place")


def _rows_of(items: pl.Series, catalogue: Catalogue) -> pl.DataFrame:
    """`item` and its `row`, null if the catalogue lacks it."""
    rows = [catalogue.row(item) for item in items]
    return pl.DataFrame({"item": items, "row": pl.Series(rows, dtype=pl.UInt32)})
