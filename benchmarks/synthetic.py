"""Synthetic interactions of any size with a realistic skew.

The top 1 % of items have about 13 % of the interactions, the top 10 % about 45 %. Every item has at least
one, and users stay in a few clusters of items.
"""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

_CLUSTER_SIZE = 200
_PER_USER = 25
_LOG_POPULARITY_SD = 1.16  # Φ(1.16 - 1.28) = 45 % of the interactions with the top 10 %
_HOME_SHARE = 0.9
_TOML = """[interactions]
path = "interactions.parquet"
user = "user"
item = "item"
time = "time"
"""


def write_synthetic(folder: Path, items: int, per_item: int = 20, seed: int = 0) -> Path:
    """Write interactions.parquet and dataset.toml; returns the path of the latter."""
    rng = np.random.default_rng(seed)
    users = items * per_item // _PER_USER
    ends = np.cumsum(rng.lognormal(0, _LOG_POPULARITY_SD, items))
    starts = np.concatenate(([0.0], ends[:-1]))
    clusters = -(-items // _CLUSTER_SIZE)
    homes = np.searchsorted(ends, rng.random((users, 2)) * ends[-1]) // _CLUSTER_SIZE
    wanders = rng.random((users, _PER_USER)) > _HOME_SHARE
    # First half in one home cluster, second half in the other: items close together belong together.
    cluster = np.repeat(homes, (_PER_USER + 1) // 2, axis=1)[:, :_PER_USER]
    cluster[wanders] = rng.integers(0, clusters, int(wanders.sum()))
    low = starts[cluster * _CLUSTER_SIZE]
    high = ends[np.minimum((cluster + 1) * _CLUSTER_SIZE, items) - 1]
    drawn = np.searchsorted(ends, low + rng.random(cluster.shape) * (high - low)).clip(0, items - 1)
    drawn = _with_every_item(drawn.ravel(), cluster.ravel(), items, rng)
    time = rng.integers(1_700_000_000, 1_710_000_000, users)[:, np.newaxis] + 60 * np.arange(_PER_USER)
    folder.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame(
        {
            "user": np.repeat(np.arange(users), _PER_USER),
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


def _with_every_item(
    drawn: NDArray[np.int64], cluster: NDArray[np.int64], items: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Replace random draws so that every item occurs; an item replaces a draw from its own cluster."""
    by_cluster = np.argsort(cluster, kind="stable")
    ordered = cluster[by_cluster]
    while len(missing := np.flatnonzero(np.bincount(drawn, minlength=items) == 0)):
        first, end = (np.searchsorted(ordered, missing // _CLUSTER_SIZE, side) for side in ("left", "right"))
        drawn[by_cluster[rng.integers(first, end)]] = missing
    return drawn
