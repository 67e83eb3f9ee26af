"""The split by time, and the co-visit weight chosen on it."""

import numpy as np
import polars as pl
import pytest

from hybrid_recs.offline.dataset import Dataset
from hybrid_recs.offline.matrix import encode
from hybrid_recs.offline.model import Model, fit
from hybrid_recs.offline.split import Split, split_latest
from hybrid_recs.offline.tuning import DEFAULT_WEIGHT, WEIGHTS, choose_scoring, choose_weight
from hybrid_recs.settings import Settings
from tests.offline.builders import all_scores, dataset_of, random_histories

DIMENSIONS, SEED = 64, 20


def _timed(seed: int) -> Dataset:
    histories = random_histories(seed, users=200, items=100, longest=9)
    rng = np.random.default_rng(seed)
    times = [np.sort(rng.uniform(0, 1e6, len(history))).tolist() for history in histories]
    return dataset_of(histories, times=times)


def _steps_by_hand(dataset: Dataset, split: Split) -> list[tuple[str, str]]:
    """What each held-out item was met after."""
    kept = set(split.earlier.pairs.select("user", "item").rows())
    steps, before = [], ("", "")
    for user, item in dataset.pairs.select("user", "item").rows():
        if (user, item) not in kept and before[0] == user:
            steps.append((before[1], item))
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
    assert split.steps.columns == ["source", "target"]
    assert 0 < len(split.steps) <= held_out
    assert split.earlier.pairs.columns == dataset.pairs.columns


def test_times_that_are_all_alike_hold_nothing_out() -> None:
    dataset = dataset_of([[0, 1], [2, 3]], times=[[5, 5], [5, 5]])
    split = split_latest(dataset)
    assert split.earlier.pairs.rows() == dataset.pairs.rows()
    assert split.steps.is_empty()


def test_without_times_the_last_item_of_each_user_is_held_out() -> None:
    split = split_latest(dataset_of([[3, 1, 2], [4], [2, 1]]))
    assert split.steps.rows() == [("i0001", "i0002"), ("i0002", "i0001")]
    assert split.earlier.pairs.select("user", "item").rows() == [
        ("u00000", "i0003"),
        ("u00000", "i0001"),
        ("u00001", "i0004"),
        ("u00002", "i0002"),
    ]


def _chains(users: int = 900) -> Dataset:
    """Six groups of sixty items; one item mostly leads to the next, while anyone meets any of a group."""
    rng = np.random.default_rng(0)
    histories = []
    for _ in range(users):
        group, at = int(rng.integers(6)), int(rng.integers(60))
        met: list[int] = []
        while len(met) < 12:
            if group * 60 + at not in met:
                met.append(group * 60 + at)
                at = (at + 1) % 60 if rng.random() < 0.8 else int(rng.integers(60))
            else:
                at = int(rng.integers(60))
        histories.append(met)
    times = [[7.0 * user + at for at in range(12)] for user in range(users)]
    return dataset_of(histories, times=times)


def _hit_rate(model: Model, steps: list[tuple[int, int]], weight: float) -> float:
    scores = all_scores(model.scorer(weight))
    best = np.argsort(-scores, axis=1, kind="stable")[:, :20]
    return float(np.mean([target in best[source] for source, target in steps]))


@pytest.fixture(scope="module")
def chains() -> Dataset:
    return _chains()


def test_a_high_weight_where_the_order_decides(chains: Dataset) -> None:
    info = choose_weight(chains, DIMENSIONS, SEED)
    assert info.covisit_weight >= 3
    assert info.tried[f"{info.covisit_weight:g}"] == max(info.tried.values())
    assert info.tried["0"] < max(info.tried.values()) - 0.01
    assert info.tilt == 0.05


def test_the_rates_are_those_of_scoring_every_item(chains: Dataset) -> None:
    info = choose_weight(chains, DIMENSIONS, SEED)
    split = split_latest(chains)
    data = encode(split.earlier)
    ids = data.items["item"].head(data.n_vectors).to_list()
    row_of = {item: row for row, item in enumerate(ids)}
    steps = [(row_of[a], row_of[b]) for a, b in split.steps.rows() if a in row_of and b in row_of]
    assert info.validation_pairs == len(steps) > 500
    model = fit(data, DIMENSIONS, SEED)
    assert list(info.tried) == [f"{weight:g}" for weight in WEIGHTS]
    for weight in WEIGHTS:
        expected = _hit_rate(model, steps, weight)
        # Scores that are equal but for rounding may change places once or twice.
        assert info.tried[f"{weight:g}"] == pytest.approx(expected, abs=2 / len(steps))


def test_many_steps_are_sampled_and_the_sample_stays() -> None:
    dataset = _chains(users=4_500)
    first, again = (choose_weight(dataset, 8, SEED) for _ in range(2))
    assert first.validation_pairs == 4_000
    assert first.covisit_weight == again.covisit_weight


def test_steps_to_unknown_items_do_not_count() -> None:
    dataset = _timed(1)
    late = dataset.pairs["time"] > float(dataset.pairs["time"].quantile(0.9, "lower") or 0)
    new = pl.when(late).then(pl.lit("new") + pl.int_range(pl.len()).cast(pl.String)).otherwise("item")
    renamed = Dataset(
        "made", dataset.pairs.with_columns(item=new), dataset.items, dataset.account, True, True
    )
    info = choose_weight(renamed, 8, SEED)
    assert (info.covisit_weight, info.validation_pairs, info.tried) == (DEFAULT_WEIGHT, 0, {})


def test_too_few_steps_leave_the_default() -> None:
    few = dataset_of(random_histories(1, users=60, items=20, longest=5))
    info = choose_weight(few, DIMENSIONS, SEED)
    assert 0 < info.validation_pairs < 100
    assert (info.covisit_weight, info.tried) == (DEFAULT_WEIGHT, {})


def test_a_pinned_weight_is_used_as_it_is(chains: Dataset) -> None:
    info = choose_scoring(chains, Settings(covisit_weight=7.5))
    assert (info.covisit_weight, info.tried, info.validation_pairs) == (7.5, {}, 0)
    zero = choose_scoring(chains, Settings(covisit_weight=0))
    assert zero.covisit_weight == 0


def test_an_unset_weight_is_chosen_with_the_settings(chains: Dataset) -> None:
    chosen = choose_scoring(chains, Settings(dimensions=DIMENSIONS, seed=SEED))
    assert chosen.covisit_weight == choose_weight(chains, DIMENSIONS, SEED).covisit_weight
    assert chosen.tried.keys() == {f"{weight:g}" for weight in WEIGHTS}
