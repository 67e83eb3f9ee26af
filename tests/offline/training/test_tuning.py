"""The parameters chosen on the held-out slice: right on planted data, and what was tried is what is so."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from hybrid_recs.generation.manifest import ScoringInfo
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.generation.scoring_parameters import ScoringParameters
from hybrid_recs.offline.build.options import BuildOptions
from hybrid_recs.offline.data.dataset import Dataset, InputStats
from hybrid_recs.offline.evaluation.metrics import case_figures
from hybrid_recs.offline.training import parameters
from hybrid_recs.offline.training.model import Model, fit
from hybrid_recs.offline.training.tuning import (
    DECAYS,
    HALF_LIVES,
    STEPS,
    TILTS,
    TRENDS,
    WEIGHTS,
    Search,
    choose_scoring,
    repeat_weight,
)
from hybrid_recs.offline.training.validation import ValidationSlice, Values, hold_out
from hybrid_recs.types import HistoryWeights, Rows, no_progress
from tests.offline.builders import (
    JUDGED,
    all_scores,
    build_options,
    dataset_of,
    dense,
    random_histories,
    read,
)

OPTIONS = build_options(dimensions=64, seed=20)


def _choose(dataset: Dataset, options: BuildOptions = OPTIONS) -> ScoringInfo:
    return choose_scoring(dataset, options.dimensions, options.seed, options.pinned)


def _chains(users: int) -> Dataset:
    """Six groups of sixty items; one item mostly leads to the next, while anyone meets any of a group."""
    rng = np.random.default_rng(0)
    histories = []
    for _ in range(users):
        group, index = int(rng.integers(6)), int(rng.integers(60))
        met: list[int] = []
        while len(met) < 12:
            if group * 60 + index not in met:
                met.append(group * 60 + index)
                index = (index + 1) % 60 if rng.random() < 0.8 else int(rng.integers(60))
            else:
                index = int(rng.integers(60))
        histories.append(met)
    return dataset_of(histories, times=[[7.0 * user + index for index in range(12)] for user in range(users)])


def _noisy(users: int = 400) -> Dataset:
    """Users keep to one of four groups of 25, but six of 300 other items lie between any two of it.

    Only the held-out step leads from one item of a group to another, so every list is of other items.
    """
    rng = np.random.default_rng(0)
    histories = []
    for _ in range(users):
        own = rng.integers(4) * 25 + rng.choice(25, 8, replace=False)
        other = 100 + rng.choice(300, (7, 6), replace=False)
        met = [row for index in range(7) for row in (*other[index].tolist(), int(own[index]))]
        histories.append([*met, int(own[7])])
    return dataset_of(histories)


@pytest.fixture(scope="module")
def chains() -> Dataset:
    return _chains(900)


@pytest.fixture(scope="module")
def validation(chains: Dataset) -> ValidationSlice:
    return hold_out(chains, OPTIONS.dimensions, OPTIONS.seed)


@pytest.fixture(scope="module")
def chosen(chains: Dataset) -> ScoringInfo:
    return _choose(chains)


@pytest.fixture(scope="module")
def model(validation: ValidationSlice, chosen: ScoringInfo) -> Model:
    return fit(validation.data, OPTIONS.dimensions, OPTIONS.seed, chosen.parameters)


def test_a_high_weight_where_the_order_decides(chosen: ScoringInfo) -> None:
    tried = chosen.tried["covisit_weight"]
    assert chosen.covisit_weight >= 3
    assert tried["0"] < tried[f"{chosen.covisit_weight:g}"] - 0.01
    assert chosen.hr == tried[f"{chosen.covisit_weight:g}"] > 0.5


def test_no_weight_where_the_lists_are_noise() -> None:
    actual = _choose(_noisy())
    tried = actual.tried["covisit_weight"]
    assert actual.covisit_weight == 0
    assert actual.hr == tried["0"] > 0.3
    assert tried["0.5"] < 0.1
    assert tried["100"] < 0.1
    assert actual.half_life == ScoringInfo().half_life
    assert "half_life" not in actual.tried  # no ages without times


def test_everything_is_tried_and_a_blend_is_never_below_its_parts(chosen: ScoringInfo) -> None:
    names = [
        "covisit_weight",
        "steps",
        "tilt",
        "half_life",
        "session_weight",
        "session_trend",
        "session_decay",
    ]
    assert [name for name in chosen.tried if name != "trend_half_life"] == names
    for name, values in zip(names[1:4], (STEPS, TILTS, HALF_LIVES), strict=True):
        assert list(chosen.tried[name]) == [f"{value:g}" for value in values]
    assert list(chosen.tried["covisit_weight"]) == [f"{weight:g}" for weight in WEIGHTS]
    assert list(chosen.tried["session_weight"]) == [f"{weight:g}" for weight in WEIGHTS]
    assert list(chosen.tried["session_decay"]) == [f"{decay:g}" for decay in DECAYS]
    assert list(chosen.tried["session_trend"]) == [f"{trend:g}" for trend in TRENDS]
    weights = {"covisit_weight": chosen.covisit_weight, "session_weight": chosen.session_weight}
    for name, value in weights.items():
        assert chosen.tried[name][f"{value:g}"] == max(chosen.tried[name].values())


def test_the_rates_are_those_of_scoring_every_item(
    chosen: ScoringInfo, model: Model, validation: ValidationSlice
) -> None:
    steps = [(int(visit.given[0]), target) for visit in validation.items for target in visit.targets.tolist()]
    assert chosen.validation_pairs == len(steps) > 500
    for weight in WEIGHTS:
        scores = all_scores(model.scorer(replace(chosen.parameters, covisit_weight=weight)))
        best = np.argsort(-scores, axis=1, kind="stable")[:, :20]
        expected = np.mean([target in best[source] for source, target in steps])
        # Scores that are equal but for rounding may change places once or twice.
        assert chosen.tried["covisit_weight"][f"{weight:g}"] == pytest.approx(expected, abs=2 / len(steps))


def _visitor_scores(
    scorer: Scorer, how: HistoryWeights, met: Rows
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Every item's score for a visitor by the formula; -inf for items of the history."""
    vectors, lists = scorer.vectors.astype(np.float64), dense(scorer.covisits)
    weights = 1 / np.arange(len(met), 0, -1.0) ** how.decay
    scores = vectors @ (weights @ vectors[met]) * scorer.boosts + how.covisit_weight * (weights @ lists[met])
    scores[scorer.trend.rows] += how.trend * scorer.trend.weights
    scores[met] = -np.inf
    return np.asarray(scores)


@pytest.mark.parametrize("trend", [0.0, 1.0])
def test_the_rates_of_sessions_are_those_of_scoring_every_item(
    chosen: ScoringInfo, model: Model, validation: ValidationSlice, trend: float
) -> None:
    assert 500 < len(validation.sessions) <= 1_500
    for decay in DECAYS[::2]:
        weights = HistoryWeights(decay, chosen.session_weight, trend)
        parameters = replace(chosen.parameters, session=weights)
        scorer = model.scorer(parameters)
        hits = [
            visit.targets[0] in np.argsort(-_visitor_scores(scorer, weights, visit.given), kind="stable")[:20]
            for visit in validation.sessions[:200]
        ]
        actual = validation.session_hits(parameters)[:200]
        assert np.count_nonzero(actual != hits) <= 1  # equal but for rounding


@pytest.fixture(scope="module")
def regulars() -> Dataset:
    """Four groups of 40 items; every user keeps to one and comes back through all the time, and of late
    everybody also meets the first ten items of the next one."""
    rng = np.random.default_rng(3)
    histories, times = [], []
    for user in range(200):
        group = user % 4
        own = rng.choice(40, 20, replace=False)
        met = [group * 40 + int(item) for item in own[:16]]
        met += [160 + int(item) for item in rng.choice(10, 4, replace=False)]
        histories.append(met)
        times.append(
            [
                *(100.0 * index + user / 7 for index in range(14)),
                *(1_330.0 + 18 * index for index in range(6)),
            ]
        )
    return dataset_of(histories, times=times)


def test_the_figures_of_users_are_those_of_scoring_every_item(regulars: Dataset) -> None:
    validation = hold_out(regulars, 32, 20)
    assert len(validation.users) > 100
    defaults = ScoringParameters()
    parameters = replace(defaults, user=replace(defaults.user, trend=0.5), trend_half_life=0.1)
    scorer = fit(validation.data, 32, 20, parameters).scorer(parameters)
    actual = validation.user_ndcg(parameters)
    for visit, value in zip(validation.users, actual, strict=True):
        scores = _visitor_scores(scorer, parameters.user, visit.given)
        best = np.argsort(-scores, kind="stable")
        assert not set(visit.given.tolist()) & set(visit.targets.tolist())
        expected = case_figures(best, visit.targets.tolist(), 20).ndcg
        assert value == pytest.approx(expected, abs=0.03)
    assert actual.mean() > 0.2


def test_a_trend_is_used_where_everybody_follows_it(regulars: Dataset) -> None:
    actual = _choose(regulars, build_options(dimensions=32))
    assert actual.validation_users > 100
    assert actual.user_trend >= 1
    assert actual.tried["user_trend"][f"{actual.user_trend:g}"] > actual.tried["user_trend"]["0"] + 0.05
    assert "trend_half_life" in actual.tried


def test_too_few_users_are_treated_as_sessions(chains: Dataset, chosen: ScoringInfo) -> None:
    assert chosen.validation_users < 20
    assert "user_weight" not in chosen.tried
    assert chosen.of_user == replace(chosen.of_session, repeat=None)
    pinned = _choose(chains, build_options(dimensions=64, seed=20, user_trend=0.7))
    assert (pinned.user_trend, pinned.user_weight) == (0.7, chosen.session_weight)


def test_the_same_data_give_the_same_choice(chains: Dataset, chosen: ScoringInfo) -> None:
    assert _choose(chains) == chosen


def test_many_steps_are_sampled() -> None:
    slices = [hold_out(_chains(3_000), 8, 20) for _ in range(2)]
    assert [one.n_item_steps for one in slices] == [3_000, 3_000]
    assert [len(one.sessions) for one in slices] == [1_500, 1_500]
    for one, other in zip(slices[0].items, slices[1].items, strict=True):
        assert (one.given.tolist(), one.targets.tolist()) == (other.given.tolist(), other.targets.tolist())


def test_pinned_settings_stay_and_are_not_tried(chains: Dataset) -> None:
    pinned: dict[str, Any] = {"covisit_weight": 7.5, "tilt": 0.2, "steps": 1, "session_decay": 0.25}
    actual = _choose(chains, build_options(dimensions=16, **pinned))
    assert actual.model_dump(include=set(pinned)) == pinned
    assert not set(actual.tried) & set(pinned)
    assert {"half_life", "session_weight", "session_trend"} <= set(actual.tried)
    assert _choose(chains, build_options(dimensions=16, covisit_weight=0)).covisit_weight == 0


def test_with_everything_pinned_nothing_is_held_out() -> None:
    pinned: dict[str, Any] = {
        "covisit_weight": 7.5,
        "tilt": 0.2,
        "steps": 1,
        "half_life": 0.5,
        "trend_half_life": 0.2,
        **{f"session_{of}": 0.25 for of in ("decay", "weight", "trend")},
        **{f"user_{of}": 0.75 for of in ("decay", "weight", "trend")},
    }
    actual = _choose(dataset_of([[1, 2]]), build_options(dimensions=16, **pinned))
    assert actual == ScoringInfo(**pinned)


def test_too_few_steps_keep_the_defaults_and_say_how_many() -> None:
    few = dataset_of(random_histories(1, users=60, items=20, longest=5))
    validation = hold_out(few, 64, 20)
    counted = {"validation_pairs": validation.n_item_steps, "validation_users": len(validation.users)}
    assert 0 < counted["validation_pairs"] < 100
    quiet = {f"user_{of}" for of in ("decay", "weight", "trend")}  # these need fewer cases
    actual = _choose(few).model_dump(exclude={"tried", "trend_half_life", "hold_out", *quiet})
    expected = ScoringInfo(**counted).model_dump(exclude={"tried", "trend_half_life", "hold_out", *quiet})
    assert actual == expected
    assert _choose(few, build_options(tilt=0.3)).tilt == 0.3


def test_without_an_order_every_item_of_a_history_counts_the_same() -> None:
    actual = _choose(replace(_noisy(), ordered=False), build_options(dimensions=16))
    assert (actual.session_decay, actual.user_decay) == (0, 0)
    assert not {"session_decay", "user_decay"} & set(actual.tried)
    few = dataset_of([[1, 2], [2, 3]], ordered=False)
    random = "no time: there is no order either, and a random item of each user is held out"
    assert _choose(few) == ScoringInfo(session_decay=0.0, user_decay=0.0, hold_out=random)


def test_steps_to_unknown_items_do_not_count(chains: Dataset) -> None:
    late = chains.pairs["time"] > float(chains.pairs["time"].quantile(0.9, "lower") or 0)
    new = pl.when(late).then(pl.lit("new") + pl.int_range(pl.len()).cast(pl.String)).otherwise("item")
    renamed = replace(chains, pairs=chains.pairs.with_columns(item=new))
    latest = "the last 10 % of interactions by time are held out"
    assert _choose(renamed) == ScoringInfo(hold_out=latest)


@pytest.mark.parametrize(
    ("gained", "lost", "stays"),
    # Of 100 steps: the mean gain is (g - l) / 100 and its standard error close to sqrt(g + l) / 100.
    [(9, 6, True), (12, 6, False), (2, 0, False), (5, 5, True), (0, 9, True)],
)
def test_a_value_is_left_only_for_more_than_a_standard_error(gained: int, lost: int, stays: bool) -> None:
    present = np.zeros(100)
    present[:50] = 1
    other = present.copy()
    other[:lost] = 0
    other[50 : 50 + gained] = 1

    def score(tried: ScoringParameters) -> Values:
        return present if tried.steps == 3 else other

    search = Search(ScoringParameters(), frozenset(), no_progress)
    search.pick_if_significant(parameters.STEPS, (3, 4), score)
    assert search.chosen.steps == (3 if stays else 4)
    assert search.tried == {"steps": {"3": 0.5, "4": (50 + gained - lost) / 100}}
    # `pick_best` wants nothing but more hits.
    search = Search(ScoringParameters(), frozenset(), no_progress)
    search.pick_best(parameters.STEPS, (3, 4), score)
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
    stats = InputStats(rows_read=kept, rows_kept=kept, pairs=pairs)
    assert repeat_weight(replace(dataset_of([[1, 2]]), stats=stats)) == sigma


def test_a_sorted_file_is_tuned_on_a_random_hold_out(tmp_path: Path) -> None:
    """The weight chosen is the best, within a standard error, on another random hold-out; the last of the
    sorted rows would have been no guide."""
    rng = np.random.default_rng(6)
    rows = set()
    for user in range(900):
        for group in rng.integers(0, 60, 2).tolist():
            rows |= {(f"u{user:03d}", f"g{key:03d}") for key in 5 * group + rng.choice(5, 3, replace=False)}
    text = "user,item\n" + "".join(f"{user},{item}\n" for user, item in sorted(rows))
    dataset = read(tmp_path, {"a.csv": text}, JUDGED)
    assert not dataset.ordered
    info = _choose(dataset, build_options(dimensions=16))
    shuffled = dataset.pairs.sample(fraction=1, shuffle=True, seed=99).sort("user", maintain_order=True)
    other = hold_out(replace(dataset, pairs=shuffled), 16, 20)
    hits = {weight: other.item_hits(replace(info.parameters, covisit_weight=weight)) for weight in WEIGHTS}
    chosen, best = hits[info.covisit_weight], max(hits.values(), key=lambda one: one.mean())
    assert len(chosen) > 700
    assert chosen.mean() >= best.mean() - best.std() / np.sqrt(len(best))
    assert chosen.mean() > 0.3  # the most popular twenty hit under 0.1
