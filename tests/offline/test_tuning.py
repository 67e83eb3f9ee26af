"""The parameters chosen on the held-out slice: right on planted data, and what was tried is what is so."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from hybrid_recs.manifest import ScoringInfo
from hybrid_recs.offline.dataset import Account, Dataset
from hybrid_recs.offline.model import Model, fit
from hybrid_recs.offline.tuning import (
    DECAYS,
    HALF_LIVES,
    STEPS,
    TILTS,
    WEIGHTS,
    _Search,
    choose_scoring,
    repeat_weight,
)
from hybrid_recs.offline.validation import Hits, Validation, hold_out
from hybrid_recs.settings import Settings
from hybrid_recs.types import silent
from tests.offline.builders import all_scores, dataset_of, dense, random_histories

SETTINGS = Settings(dimensions=64, seed=20)


def _chains(users: int) -> Dataset:
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
    return dataset_of(histories, times=[[7.0 * user + at for at in range(12)] for user in range(users)])


def _noisy(users: int = 400) -> Dataset:
    """Users keep to one of four groups of 25, but six of 300 other items lie between any two of it.

    Only the held-out step leads from one item of a group to another, so every list is of other items.
    """
    rng = np.random.default_rng(0)
    histories = []
    for _ in range(users):
        own = rng.integers(4) * 25 + rng.choice(25, 8, replace=False)
        other = 100 + rng.choice(300, (7, 6), replace=False)
        met = [row for at in range(7) for row in (*other[at].tolist(), int(own[at]))]
        histories.append([*met, int(own[7])])
    return dataset_of(histories)


@pytest.fixture(scope="module")
def chains() -> Dataset:
    return _chains(900)


@pytest.fixture(scope="module")
def slice_(chains: Dataset) -> Validation:
    return hold_out(chains, SETTINGS.dimensions, SETTINGS.seed)


@pytest.fixture(scope="module")
def chosen(chains: Dataset) -> ScoringInfo:
    return choose_scoring(chains, SETTINGS)


@pytest.fixture(scope="module")
def model(slice_: Validation, chosen: ScoringInfo) -> Model:
    return fit(slice_.data, SETTINGS.dimensions, SETTINGS.seed, chosen)


def test_a_high_weight_where_the_order_decides(chosen: ScoringInfo) -> None:
    tried = chosen.tried["covisit_weight"]
    assert chosen.covisit_weight >= 3
    assert tried["0"] < tried[f"{chosen.covisit_weight:g}"] - 0.01
    assert chosen.hr == tried[f"{chosen.covisit_weight:g}"] > 0.5


def test_no_weight_where_the_lists_are_noise() -> None:
    found = choose_scoring(_noisy(), SETTINGS)
    tried = found.tried["covisit_weight"]
    assert found.covisit_weight == 0
    assert found.hr == tried["0"] > 0.3
    assert tried["0.5"] < 0.1
    assert tried["100"] < 0.1
    assert found.half_life == ScoringInfo().half_life
    assert "half_life" not in found.tried  # without times no age


def test_everything_is_tried_and_a_blend_is_never_below_its_parts(chosen: ScoringInfo) -> None:
    names = ["covisit_weight", "steps", "tilt", "half_life", "history_weight", "history_decay"]
    assert list(chosen.tried) == names
    for name, values in zip(names[1:4], (STEPS, TILTS, HALF_LIVES), strict=True):
        assert list(chosen.tried[name]) == [f"{value:g}" for value in values]
    assert list(chosen.tried["covisit_weight"]) == [f"{weight:g}" for weight in WEIGHTS]
    assert list(chosen.tried["history_weight"]) == [f"{weight:g}" for weight in WEIGHTS]
    assert list(chosen.tried["history_decay"]) == [f"{decay:g}" for decay in DECAYS]
    for name in ("covisit_weight", "history_weight"):
        value = getattr(chosen, name)
        assert chosen.tried[name][f"{value:g}"] == max(chosen.tried[name].values())


def test_the_rates_are_those_of_scoring_every_item(
    chosen: ScoringInfo, model: Model, slice_: Validation
) -> None:
    assert chosen.validation_pairs == len(slice_.steps) > 500
    for weight in WEIGHTS:
        scores = all_scores(model.scorer(chosen.model_copy(update={"covisit_weight": weight})))
        best = np.argsort(-scores, axis=1, kind="stable")[:, :20]
        expected = np.mean([target in best[source] for source, target in slice_.steps])
        # Scores that are equal but for rounding may change places once or twice.
        assert chosen.tried["covisit_weight"][f"{weight:g}"] == pytest.approx(
            expected, abs=2 / len(slice_.steps)
        )


def test_the_rates_of_histories_are_those_of_scoring_every_item(
    chosen: ScoringInfo, model: Model, slice_: Validation
) -> None:
    scorer = model.scorer(chosen)
    vectors, lists = scorer.vectors.astype(np.float64), dense(scorer.covisits)
    assert len(slice_.histories) == 600
    for decay in DECAYS:
        hits = []
        for met, (_, target) in zip(slice_.histories, slice_.steps, strict=False):
            weights = 1 / np.arange(len(met), 0, -1.0) ** decay
            scores = vectors @ (weights @ vectors[met]) * scorer.tilt
            scores += chosen.history_weight * (weights @ lists[met])
            scores[met] = -np.inf
            hits.append(target in np.argsort(-scores, kind="stable")[:20])
        assert chosen.tried["history_decay"][f"{decay:g}"] == pytest.approx(np.mean(hits), abs=2 / 600)


def test_the_same_data_give_the_same_choice(chains: Dataset, chosen: ScoringInfo) -> None:
    assert choose_scoring(chains, SETTINGS) == chosen


def test_many_steps_are_sampled() -> None:
    slices = [hold_out(_chains(3_000), 8, 20) for _ in range(2)]
    assert [len(one.steps) for one in slices] == [3_000, 3_000]
    np.testing.assert_array_equal(slices[0].steps, slices[1].steps)


def test_pinned_settings_stay_and_are_not_tried(chains: Dataset) -> None:
    pinned: dict[str, Any] = {"covisit_weight": 7.5, "tilt": 0.2, "steps": 1, "history_decay": 0.25}
    found = choose_scoring(chains, Settings(dimensions=16, **pinned))
    assert found.model_dump(include=set(pinned)) == pinned
    assert list(found.tried) == ["half_life", "history_weight"]
    everything = pinned | {"half_life": 0.5, "history_weight": 2.0}
    found = choose_scoring(chains, Settings(dimensions=16, **everything))
    assert found.model_dump(include=set(everything)) == everything
    assert found.tried == {}
    assert choose_scoring(chains, Settings(dimensions=16, covisit_weight=0)).covisit_weight == 0


def test_too_few_steps_keep_the_defaults_and_say_how_many() -> None:
    few = dataset_of(random_histories(1, users=60, items=20, longest=5))
    steps = len(hold_out(few, 64, 20).steps)
    assert 0 < steps < 100
    assert choose_scoring(few, SETTINGS) == ScoringInfo(validation_pairs=steps)
    pinned = choose_scoring(few, Settings(tilt=0.3))
    assert pinned == ScoringInfo(validation_pairs=steps, tilt=0.3)


def test_without_an_order_every_item_of_a_history_counts_the_same() -> None:
    found = choose_scoring(replace(_noisy(), ordered=False), Settings(dimensions=16))
    assert found.history_decay == 0
    assert "history_decay" not in found.tried
    few = dataset_of([[1, 2], [2, 3]], ordered=False)
    assert choose_scoring(few, SETTINGS) == ScoringInfo(history_decay=0.0)


def test_steps_to_unknown_items_do_not_count(chains: Dataset) -> None:
    late = chains.pairs["time"] > float(chains.pairs["time"].quantile(0.9, "lower") or 0)
    new = pl.when(late).then(pl.lit("new") + pl.int_range(pl.len()).cast(pl.String)).otherwise("item")
    renamed = replace(chains, pairs=chains.pairs.with_columns(item=new))
    assert choose_scoring(renamed, SETTINGS) == ScoringInfo()


@pytest.mark.parametrize(
    ("gained", "lost", "stays"),
    # Of 100 steps: the mean gain is (g - l) / 100 and its standard error close to sqrt(g + l) / 100.
    [(9, 6, True), (12, 6, False), (2, 0, False), (5, 5, True), (0, 9, True)],
)
def test_better_leaves_the_present_only_for_more_than_a_standard_error(
    slice_: Validation, gained: int, lost: int, stays: bool
) -> None:
    present = np.zeros(100, bool)
    present[:50] = True
    other = present.copy()
    other[:lost] = False
    other[50 : 50 + gained] = True

    def score(scoring: ScoringInfo) -> Hits:
        return present if scoring.steps == 3 else other

    search = _Search(slice_, ScoringInfo(), frozenset(), silent)
    search.better("steps", (3, 4), score)
    assert search.chosen.steps == (3 if stays else 4)
    assert search.tried == {"steps": {"3": 0.5, "4": (50 + gained - lost) / 100}}
    # `best` wants nothing but more hits.
    search = _Search(slice_, ScoringInfo(), frozenset(), silent)
    search.best("steps", (3, 4), score)
    assert search.chosen.steps == (4 if gained > lost else 3)


@pytest.mark.parametrize(
    ("kept", "pairs", "sigma"),
    [
        (100, 100, None),
        (1_000, 991, None),  # 0.9 % come again
        (1_000, 989, 0.5),  # 1.1 %: 0.11, and at least a half
        (100, 95, 0.5),
        (100, 88, 1.2),
        (3, 2, 3.3333),
        (100, 60, 4.0),
        (1_000, 10, 4.0),
    ],
)
def test_the_weight_of_coming_again(kept: int, pairs: int, sigma: float | None) -> None:
    account = Account(rows_read=kept, rows_kept=kept, pairs=pairs)
    assert repeat_weight(replace(dataset_of([[1, 2]]), account=account)) == sigma
