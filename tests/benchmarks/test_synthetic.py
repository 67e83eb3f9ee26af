"""The synthetic catalogues of the benchmarks have the documented skew and are reproducible."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.scale import growth_exponent
from benchmarks.synthetic import write_synthetic
from hybrid_recs.offline.data.dataset import read_dataset
from hybrid_recs.offline.sources.dataset_config import DatasetConfig


@pytest.mark.parametrize(("seed", "items"), [(0, 20_000), (1, 20_000), (0, 50_000)])
def test_skew(seed: int, items: int, tmp_path: Path) -> None:
    write_synthetic(tmp_path, items, seed=seed)
    counts = pl.read_parquet(tmp_path / "interactions.parquet")["item"].value_counts()["count"].to_numpy()
    counts = np.sort(counts)[::-1]
    assert len(counts) == items
    assert counts.sum() == 20 * items
    assert counts[: items // 100].sum() / counts.sum() == pytest.approx(0.125, abs=0.02)
    assert counts[: items // 10].sum() / counts.sum() == pytest.approx(0.45, abs=0.02)


def test_it_is_a_reproducible_dataset(tmp_path: Path) -> None:
    first, second = (
        read_dataset(DatasetConfig.load(write_synthetic(tmp_path / name, 2_000)), 5_000)
        for name in ("a", "b")
    )
    assert first.pairs.equals(second.pairs)
    assert first.stats.items == 2_000
    assert first.stats.rows_kept == 40_000
    assert first.timed


def test_growth_exponent_is_the_power() -> None:
    sizes = [10_000, 100_000, 1_000_000]
    assert growth_exponent(sizes, [3.0, 30.0, 300.0]) == pytest.approx(1)
    assert growth_exponent(sizes, [2.0, 2 * 10**1.2, 2 * 10**2.4]) == pytest.approx(1.2)
