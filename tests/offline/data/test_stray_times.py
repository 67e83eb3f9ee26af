"""Times that cannot be right: dropped and named when few, refused when many."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.dataset import Dataset, read_dataset
from hybrid_recs.offline.data.interactions import read_interactions
from hybrid_recs.offline.data.stray_times import REASON, count_by_hour, stray_bounds
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from tests.offline.builders import WITH_TIME, write

START = 1_700_000_000.0
DAY = 86_400.0
NOW = START + 100 * DAY


def _times(n: int = 3_000, days: float = 90) -> list[float]:
    return [float(time) for time in np.sort(START + np.random.default_rng(3).uniform(0, days * DAY, n))]


def _read(folder: Path, times: list[float], more: str = "", now: float = NOW) -> Dataset:
    lines = [f"u{index % 100},i{index % 37},{time:.0f}" for index, time in enumerate(times)]
    config = write(folder, {"a.csv": "\n".join(["user,item,time", *lines]) + "\n"}, more + WITH_TIME)
    return read_dataset(DatasetConfig.load(config), 5_000, now)


@pytest.mark.parametrize("stray", [0.0, START - 91 * DAY, START + 182 * DAY, NOW + 2 * DAY, 2_147_483_647.0])
def test_one_stray_time_is_dropped_and_named(stray: float, tmp_path: Path) -> None:
    clean = _read(tmp_path / "clean", [*_times(), *_times(1)])
    dataset = _read(tmp_path / "stray", [*_times(), stray])
    assert dataset.stats.dropped == {REASON: 1}
    assert dataset.stats.stray_times == (stray,)
    assert dataset.stats.rows_kept == 3_000
    assert dataset.stats.first_time == clean.stats.first_time
    assert dataset.stats.last_time == clean.stats.last_time
    assert clean.stats.dropped == {}
    assert clean.stats.stray_times == ()


@pytest.mark.parametrize("time", [START - 80 * DAY, START + 170 * DAY, NOW + DAY / 2])
def test_a_time_within_reach_stays(time: float, tmp_path: Path) -> None:
    """A gap no longer than the span of the others, and tomorrow: clocks and zones differ."""
    dataset = _read(tmp_path, [*_times(), time], now=max(NOW, time - DAY / 2))
    assert dataset.stats.dropped == {}
    assert time in (dataset.stats.first_time, dataset.stats.last_time)


def test_a_repeated_pair_keeps_its_right_time(tmp_path: Path) -> None:
    """The latest time of a pair is that of the rows that are left."""
    path = write(
        tmp_path,
        {
            "a.csv": "user,item,time\n"
            + "".join(f"u,i{index},{time:.0f}\n" for index, time in enumerate(_times()))
            + f"u,i7,{NOW + 5 * DAY:.0f}\n"
        },
        WITH_TIME,
    )
    pairs = read_dataset(DatasetConfig.load(path), 5_000, NOW).pairs
    assert pairs.filter(item="i7")["time"].to_list() == [float(f"{_times()[7]:.0f}")]


def test_more_than_a_thousandth_is_refused_with_both_ways_on(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as refused:
        _read(tmp_path, [*_times(), *[0.0] * 4])
    assert "4 of 3,004 rows" in str(refused.value)
    assert "1970-01-01 00:00:00" in str(refused.value)
    assert "where" in str(refused.value)
    assert "keep_stray_times = true" in str(refused.value)
    kept = _read(tmp_path, [*_times(), *[0.0] * 4], "keep_stray_times = true\n")
    assert kept.stats.rows_kept == 3_004
    assert kept.stats.first_time == 0
    few = _read(tmp_path, [*_times(), *[0.0] * 3])
    assert few.stats.dropped == {REASON: 3}


def test_one_import_of_nearly_all_rows_is_no_yardstick(tmp_path: Path) -> None:
    """99 % of rows have one time: hours between the others are no gaps."""
    later = [START + hour * 3_600 for hour in range(30)]
    assert _read(tmp_path, [*[START] * 3_000, *later]).stats.dropped == {}


def test_all_times_in_the_future_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="3,000 of 3,000 rows are at times far from all others or in the"):
        _read(tmp_path, _times(), now=START - 10 * DAY)


def test_rows_of_the_evaluation_are_without_stray_times(tmp_path: Path) -> None:
    _read(tmp_path, [*_times(), 0.0])
    rows = read_interactions(DatasetConfig.load(tmp_path / "dataset.toml"), NOW)
    assert len(rows) == 3_000
    assert rows["time"].min() == pytest.approx(_times()[0], abs=1)


def test_bounds_are_those_of_all_rows_by_definition() -> None:
    """Against the definition on single times, in random data with gaps."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        times = np.concatenate(
            [START + rng.uniform(0, 50 * DAY, 4_000), START + rng.uniform(-400, 400, 3) * DAY]
        )
        kept = np.sort(times[times <= NOW + DAY])
        low, high = kept[int(0.01 * len(kept))], kept[int(0.99 * len(kept))]
        gap = high - low
        first, last = low, high
        for time in kept[kept > high]:
            if time - last > gap:
                break
            last = time
        for time in kept[kept < low][::-1]:
            if first - time > gap:
                break
            first = time
        frame = pl.DataFrame({"time": times})
        bounds = stray_bounds(count_by_hour(frame.lazy()).collect(), NOW)
        held = frame.filter(bounds.hold(pl.col("time"))) if bounds else frame
        assert held.height == ((times >= first) & (times <= last)).sum()
