"""The slice that is held out to choose parameters on."""

import numpy as np
import polars as pl
import pytest

from hybrid_recs.offline.data.dataset import Dataset
from hybrid_recs.offline.data.split import Split, split_latest
from hybrid_recs.offline.training.validation import hold_out
from tests.offline.builders import dataset_of, item_name, random_histories

Step = tuple[str, int, str, str]


def _timed(seed: int) -> Dataset:
    histories = random_histories(seed, users=200, items=100, longest=9)
    rng = np.random.default_rng(seed)
    times = [np.sort(rng.uniform(0, 1e6, len(history))).tolist() for history in histories]
    return dataset_of(histories, times=times)


def _steps_by_hand(dataset: Dataset, split: Split) -> list[Step]:
    """The user of each held-out item, its place, and the item before it."""
    kept = set(split.earlier.pairs.select("user", "item").rows())
    steps: list[Step] = []
    before, place = ("", ""), 0
    for user, item in dataset.pairs.select("user", "item").rows():
        place = place + 1 if before[0] == user else 0
        if (user, item) not in kept and place:
            steps.append((user, place, before[1], item))
        before = (user, item)
    return steps


@pytest.mark.parametrize("seed", range(3))
def test_the_last_tenth_by_time_is_held_out(seed: int) -> None:
    dataset = _timed(seed)
    split = split_latest(dataset)
    times = np.sort(dataset.pairs["time"].to_numpy())
    kept = np.sort(split.earlier.pairs["time"].to_numpy())
    held_out = len(times) - len(kept)
    assert held_out == pytest.approx(len(times) * 0.1, abs=1)
    np.testing.assert_array_equal(kept, times[: len(kept)])  # nothing later is learned from
    assert split.steps.rows() == _steps_by_hand(dataset, split)
    assert split.steps.columns == ["user", "place", "source", "target"]
    assert 0 < len(split.steps) <= held_out
    assert split.earlier.pairs.columns == dataset.pairs.columns


def test_a_single_time_is_none() -> None:
    dataset = dataset_of([[0, 1], [2, 3]], times=[[5, 5], [5, 5]])
    split = split_latest(dataset)
    assert split.steps.select("source", "target").rows() == [("i0000", "i0001"), ("i0002", "i0003")]
    assert split.protocol == "no time: the last item of each user in the order of the files is held out"


def _coarse(shares: list[float], seed: int = 1) -> Dataset:
    """2,000 rows at as many times as there are shares."""
    rng = np.random.default_rng(seed)
    histories = [rng.choice(100, 10, replace=False).tolist() for _ in range(200)]
    times = [np.sort(rng.choice(len(shares), 10, p=shares)).astype(float).tolist() for _ in histories]
    return dataset_of(histories, times=times)


def test_a_last_time_of_many_rows_is_held_out_whole() -> None:
    dataset = _coarse([0.5, 0.35, 0.15])
    split = split_latest(dataset)
    assert split.earlier.pairs["time"].max() == 1.0
    held_out = (dataset.pairs["time"] == 2.0).sum()
    assert len(dataset.pairs) - len(split.earlier.pairs) == held_out
    assert split.protocol == f"times are coarse: the last {held_out / 2_000:.1%} of interactions are held out"
    assert 0.12 < held_out / 2_000 < 0.18


@pytest.mark.parametrize("shares", [[0.2, 0.8], [0.2, 0.77, 0.03]])
def test_a_last_time_of_most_rows_is_split_by_user(shares: list[float]) -> None:
    dataset = _coarse(shares)
    split = split_latest(dataset)
    kept = set(split.earlier.pairs.select("user", "item").rows())
    held_out = dataset.pairs.filter(
        [row not in kept for row in dataset.pairs.select("user", "item").rows()],
    )
    assert len(held_out) / 2_000 == pytest.approx(0.1, abs=0.03)
    assert held_out["time"].min() == 1.0
    late = dataset.pairs.filter(pl.col("time") == 1.0)["user"].value_counts(name="all")
    theirs = held_out.filter(pl.col("time") == 1.0)["user"].value_counts(name="held")
    both = theirs.join(late, on="user")
    assert both["held"].to_list() == both["all"].to_list()  # all of a user's rows at that time, or none
    assert 5 < len(both) < 50
    later = dataset.pairs.filter(pl.col("time") > 1.0)
    assert later.join(held_out, on=["user", "item"], how="anti").is_empty()
    assert split.protocol.startswith("times are coarse (")
    assert len(split.steps) >= 100


def test_without_an_order_it_says_that_the_item_is_a_random_one() -> None:
    split = split_latest(dataset_of([[3, 1, 2], [2, 1]], ordered=False))
    assert split.protocol == "no time: there is no order either, and a random item of each user is held out"


def test_without_times_the_last_item_of_each_user_is_held_out() -> None:
    split = split_latest(dataset_of([[3, 1, 2], [4], [2, 1]]))
    assert split.steps.rows() == [("u00000", 2, "i0001", "i0002"), ("u00002", 1, "i0002", "i0001")]
    assert split.earlier.pairs.select("user", "item").rows() == [
        ("u00000", "i0003"),
        ("u00000", "i0001"),
        ("u00001", "i0004"),
        ("u00002", "i0002"),
    ]


def test_histories_are_all_items_before_the_target() -> None:
    histories = random_histories(4, users=300, items=60, longest=9)
    validation = hold_out(dataset_of(histories), 8, 20)
    row_of = {item: row for row, item in enumerate(validation.data.items["item"].to_list())}
    known = {item for item, row in row_of.items() if row < validation.data.n_vectors}
    expected = []
    for history in histories:
        names = [item_name(item) for item in history]
        if len(names) > 1 and names[-1] in known and names[-2] in known:
            before = [row_of[name] for name in names[:-1] if name in known]
            expected.append((row_of[names[-2]], row_of[names[-1]], before))
    steps = {(int(of.given[0]), target) for of in validation.items for target in of.targets.tolist()}
    assert steps == {(a, b) for a, b, _ in expected}
    assert validation.n_item_steps == len(expected)
    actual = [(session.given.tolist(), session.targets.tolist()) for session in validation.sessions]
    assert len(actual) > 200
    assert actual == [(before, [b]) for _, b, before in expected]


def test_users_are_those_active_on_both_sides_of_the_cut() -> None:
    histories = [[1, 2, 3, 4], [1, 3], [2, 1, 4], [5, 6]]
    times: list[list[float]] = [[1, 2, 19, 20], [3, 4], [21, 22, 23], [5, 6]]
    validation = hold_out(dataset_of(histories * 4, times=times * 4), 2, 20)
    row_of = {item: row for row, item in enumerate(validation.data.items["item"].to_list())}
    last = 23.0
    cut = sorted(time for one in times * 4 for time in one)[int(0.9 * 43)]
    assert cut < last
    expected = []
    for history, index in zip(histories * 4, times * 4, strict=True):
        given = [row_of[item_name(i)] for i, t in zip(history, index, strict=True) if t <= cut]
        targets = [row_of.get(item_name(i)) for i, t in zip(history, index, strict=True) if t > cut]
        if given and targets:
            expected.append((given, targets))
    assert expected
    assert [(user.given.tolist(), user.targets.tolist()) for user in validation.users] == expected
