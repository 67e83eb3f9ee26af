"""The slice that is held out to choose parameters on."""

import numpy as np
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


def test_times_that_are_all_alike_hold_nothing_out() -> None:
    dataset = dataset_of([[0, 1], [2, 3]], times=[[5, 5], [5, 5]])
    split = split_latest(dataset)
    assert split.earlier.pairs.rows() == dataset.pairs.rows()
    assert split.steps.is_empty()


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
