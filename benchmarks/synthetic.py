"""Made-up interactions of any size with a realistic skew: the top 1 % of items take about 13 % of them, the
top 10 % about 45 %, every item is met, and shoppers keep to a few clusters of items."""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

_CLUSTER = 200
_OF_A_USER = 25
_SPREAD = 1.16  # of the log of popularity: Φ(1.16 - 1.28) = 45 % on the top 10 %
_AT_HOME = 0.9
_TOML = """[interactions]
path = "interactions.parquet"
user = "user"
item = "item"
time = "time"
"""


def write_synthetic(folder: Path, items: int, per_item: int = 20, seed: int = 0) -> Path:
    """Write interactions.parquet and dataset.toml; returns the path of the latter."""
    rng = np.random.default_rng(seed)
    users = items * per_item // _OF_A_USER
    ends = np.cumsum(rng.lognormal(0, _SPREAD, items))
    starts = np.concatenate(([0.0], ends[:-1]))
    clusters = -(-items // _CLUSTER)
    homes = np.searchsorted(ends, rng.random((users, 2)) * ends[-1]) // _CLUSTER
    wanders = rng.random((users, _OF_A_USER)) > _AT_HOME
    # A stretch in one home, then one in the other: what is met close together belongs together.
    cluster = np.repeat(homes, (_OF_A_USER + 1) // 2, axis=1)[:, :_OF_A_USER]
    cluster[wanders] = rng.integers(0, clusters, int(wanders.sum()))
    low = starts[cluster * _CLUSTER]
    high = ends[np.minimum((cluster + 1) * _CLUSTER, items) - 1]
    drawn = np.searchsorted(ends, low + rng.random(cluster.shape) * (high - low)).clip(0, items - 1)
    drawn = _all_met(drawn.ravel(), cluster.ravel(), items, rng)
    time = rng.integers(1_700_000_000, 1_710_000_000, users)[:, np.newaxis] + 60 * np.arange(_OF_A_USER)
    folder.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame(
        {
            "user": np.repeat(np.arange(users), _OF_A_USER),
            "item": drawn,
            "time": time.ravel(),
        }
    )
    frame.select(
        user=pl.format("u{}", "user"), item=pl.format("i{}", "item"), time=pl.col("time")
    ).write_parquet(folder / "interactions.parquet")
    description = folder / "dataset.toml"
    description.write_text(_TOML)
    return description


def _all_met(
    drawn: NDArray[np.int64], cluster: NDArray[np.int64], items: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The draws, where each item that nobody met takes the place of one from its cluster."""
    by_cluster = np.argsort(cluster, kind="stable")
    ordered = cluster[by_cluster]
    while len(unmet := np.flatnonzero(np.bincount(drawn, minlength=items) == 0)):
        first, end = (np.searchsorted(ordered, unmet // _CLUSTER, side) for side in ("left", "right"))
        drawn[by_cluster[rng.integers(first, end)]] = unmet
    return drawn
