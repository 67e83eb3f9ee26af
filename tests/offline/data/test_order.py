"""Whether the order of the rows carries information: planted walks, sorted files, coarse times."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hybrid_recs.offline.data.dataset import Dataset
from hybrid_recs.offline.data.order import Order, in_order, judge_order
from tests.offline.builders import JUDGED, read

Rows = list[tuple[str, str, float]]
N_ITEMS = 200


def _walks(seed: int, users: int = 1_000, length: int = 12, step: int = 3, days: bool = False) -> Rows:
    """Each user walks to and fro among neighbouring items; one row an hour, or several on one day."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        item = int(rng.integers(N_ITEMS))
        for place in range(length):
            time = (place // 4) * 86_400.0 if days else place * 3_600.0
            rows.append((f"u{user:03d}", f"g{item}", 1.7e9 + user * 1_000 + time))
            item = (item + int(rng.integers(1, step + 1)) * int(rng.choice([-1, 1]))) % N_ITEMS
    return rows


def _read(folder: Path, rows: Rows, more: str = "", timed: bool = False) -> Dataset:
    text = "user,item,time\n" + "".join(f"{user},{item},{time:.0f}\n" for user, item, time in rows)
    return read(folder, {"a.csv": text}, more + JUDGED + ('time = "time"\n' if timed else ""))


def _verdict(dataset: Dataset) -> Order:
    assert dataset.stats.order is not None
    return dataset.stats.order


def test_a_log_in_the_order_of_time_has_an_order_even_without_its_times(tmp_path: Path) -> None:
    dataset = _read(tmp_path, _walks(1))
    verdict = _verdict(dataset)
    assert verdict.kind == "file"
    assert dataset.ordered
    assert verdict.pairs >= 200
    assert verdict.reversed is not None
    assert verdict.shuffled is not None
    assert verdict.reversed > 0.9 > verdict.shuffled > 0.1
    expected = pl.DataFrame(_walks(1), ["user", "item", "time"], orient="row")
    last = expected.unique(["user", "item"], keep="last", maintain_order=True)
    assert dataset.pairs.select("user", "item").rows() == last.select("user", "item").rows()


@pytest.mark.parametrize("key", [str, lambda item: int(item[1:]), lambda item: hash((item, 7)) % 1_000_003])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_file_sorted_by_item_has_none(key: object, backwards: bool, tmp_path: Path) -> None:
    """By id, by its number, or by a key that the file does not show."""
    rows = sorted(_walks(2), key=lambda row: (row[0], key(row[1])), reverse=backwards)  # type: ignore[operator]
    dataset = _read(tmp_path, rows)
    verdict = _verdict(dataset)
    assert (verdict.kind, dataset.ordered) == ("none", False)
    assert verdict.pairs >= 200
    assert verdict.reversed == 0
    assert verdict.shuffled is not None
    assert verdict.shuffled > 0.2


def test_rows_without_an_order_are_shuffled_the_same_way_each_time(tmp_path: Path) -> None:
    rows = sorted(_walks(3))
    first, again = _read(tmp_path / "a", rows), _read(tmp_path / "b", sorted(rows, key=lambda row: row[1]))
    assert first.pairs.select("user", "item").equals(again.pairs.select("user", "item"))
    items = first.pairs["item"].to_list()
    assert first.pairs["user"].is_sorted()
    places = first.pairs.with_columns(
        place=pl.int_range(pl.len()).over("user") / (pl.len().over("user") - 1),
        rank=pl.col("item").rank().over("user"),
    )
    correlation = places.select(pl.corr("place", "rank")).item()
    assert abs(correlation) < 0.1
    assert len(set(items)) == N_ITEMS


def test_few_rows_without_times_have_no_order(tmp_path: Path) -> None:
    assert _verdict(_read(tmp_path, _walks(4, users=5))).kind == "none"


def test_planted_episodes_keep_the_order_of_their_times(tmp_path: Path) -> None:
    """One way only, as a sorted file; but times that differ outrank the test."""
    rng = np.random.default_rng(5)
    starts = rng.integers(0, N_ITEMS // 3, 900)
    rows = [
        (f"u{user % 300}", f"g{3 * int(start) + step}", 1.7e9 + user * 5_000 + step * 60)
        for user, start in enumerate(starts)
        for step in range(3)
    ]
    dataset = _read(tmp_path, rows, timed=True)
    assert (_verdict(dataset).kind, dataset.ordered) == ("time", True)
    of_one = dataset.pairs.filter(user="u7")
    assert of_one["time"].is_sorted()


def test_sorted_within_days_is_an_order_between_days_alone(tmp_path: Path) -> None:
    """By user, day and item: the days keep their order, the rows of one day are shuffled."""
    rows = sorted(_walks(6, days=True), key=lambda row: (row[0], row[2], row[1]))
    dataset = _read(tmp_path, rows, timed=True)
    assert (_verdict(dataset).kind, dataset.ordered) == ("stamps", True)
    by_user = dataset.pairs.group_by("user", maintain_order=True).agg("time", "item")
    assert all(times.is_sorted() for times in by_user["time"])
    rises = dataset.pairs.select(
        pl.when((pl.col("user") == pl.col("user").shift()) & (pl.col("time") == pl.col("time").shift())).then(
            pl.col("item") > pl.col("item").shift()
        )
    ).to_series()
    assert 0.4 < float(rises.drop_nulls().mean()) < 0.6  # type: ignore[arg-type]


def test_days_whose_rows_are_in_order_keep_it(tmp_path: Path) -> None:
    rows = _walks(7, days=True)
    dataset = _read(tmp_path, rows, timed=True)
    assert _verdict(dataset).kind == "time"
    last = pl.DataFrame(rows, ["user", "item", "time"], orient="row").unique(
        ["user", "item"], keep="last", maintain_order=True
    )
    assert dataset.pairs.select("user", "item").rows() == last.select("user", "item").rows()


def test_one_time_for_all_rows_of_a_user_is_no_order(tmp_path: Path) -> None:
    rows = sorted((user, item, 1.7e9 + int(user[1:])) for user, item, _ in _walks(8))
    assert _verdict(_read(tmp_path, rows, timed=True)).kind == "none"


@pytest.mark.parametrize(
    ("rule", "timed", "kind"),
    [("none", False, "none"), ("file", False, "file"), ("none", True, "none"), ("file", True, "time")],
)
def test_the_key_overrules_the_verdict(rule: str, timed: bool, kind: str, tmp_path: Path) -> None:
    rows = _walks(9) if rule == "none" else sorted(_walks(9), key=lambda row: row[:2])
    dataset = _read(tmp_path, rows, f'order = "{rule}"\n', timed)
    assert _verdict(dataset) == Order(kind)  # type: ignore[arg-type]
    assert dataset.ordered == (kind != "none")


def test_a_sample_of_users_is_judged_like_all() -> None:
    rows = pl.DataFrame(_walks(10, users=3_000), ["user", "item", "time"], orient="row")
    rows = rows.with_columns(time=pl.lit(None, pl.Float64)).with_row_index("order")
    assert judge_order(rows, timed=False, max_rows=12_000).kind == "file"
    by_item = in_order(rows, Order("none")).sort("user", "item").with_columns(order=pl.int_range(pl.len()))
    assert judge_order(by_item, timed=False, max_rows=12_000).kind == "none"
