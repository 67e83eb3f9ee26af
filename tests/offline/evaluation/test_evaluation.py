"""The evaluation: no case leaks, ours is what is served, and the whole job runs on planted data."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from hybrid_recs.commands.evaluate import Fit, evaluate
from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.dataset import read_dataset
from hybrid_recs.offline.data.encoding import EncodedData, encode
from hybrid_recs.offline.evaluation import show
from hybrid_recs.offline.evaluation.baselines import ItemKnn, Popular
from hybrid_recs.offline.evaluation.cases import (
    TASKS,
    EvaluationCase,
    EvaluationSplit,
    cases_of,
    split_rows,
)
from hybrid_recs.offline.evaluation.method import MethodKind
from hybrid_recs.offline.evaluation.served_method import ServedMethod, fit_served_method, parts_of
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import Json, Outcome
from tests.conftest import quiet_steps
from tests.offline.builders import USER_AND_ITEM, WITH_TIME, build_options, write

OPTIONS = build_options(hot_share=0.5)


def _events(seed: int, timed: bool) -> str:
    """Users who return to items; at the end also items without earlier interactions."""
    rng = np.random.default_rng(seed)
    lines = ["user,item,time" if timed else "user,item"]
    for position in range(3_000):
        item = int(rng.integers(40)) if position < 2_800 else int(rng.integers(50))
        lines.append(f"u{rng.integers(150)},i{item:02d}" + (f",{1_000_000 + position // 2}" if timed else ""))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module", params=[True, False], ids=["timed", "untimed"])
def held(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> EvaluationSplit:
    folder = tmp_path_factory.mktemp("events")
    toml = WITH_TIME if request.param else USER_AND_ITEM
    return split_rows(DatasetConfig.load(write(folder, {"a.csv": _events(1, request.param)}, toml)), 5_000)


def _flat(cases: dict[str, list[EvaluationCase]]) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    return [
        (task, tuple(case.given.tolist()), tuple(sorted(case.targets)))
        for task, sample in cases.items()
        for case in sample
    ]


def test_what_is_held_out_is_not_learned_from(held: EvaluationSplit) -> None:
    earlier, later = (held.events.filter(pl.col("later") == flag) for flag in (False, True))
    pairs = held.train.pairs
    assert len(earlier) + len(later) == 3_000
    assert pairs["weight"].sum() == len(earlier) == held.train.stats.rows_kept
    assert not set(pairs["order"].to_list()) & set(later["order"].to_list())
    assert set(pairs.select("user", "item").rows()) == set(earlier.select("user", "item").rows())
    if held.train.timed:
        assert len(later) == pytest.approx(300, abs=2)
        assert pairs["time"].cast(pl.Float64).to_numpy().max() < later["time"].to_numpy().min()
    else:
        assert later["user"].n_unique() == len(later)
        last = held.events.group_by("user").agg(pl.col("order").max())["order"].to_list()
        assert set(later["order"].to_list()) <= set(last)


def test_cases_are_what_was_held_out(held: EvaluationSplit) -> None:
    data = encode(held.train)
    cases = cases_of(held, data, 10_000, 1)
    names = data.items["item"].to_list()
    known = set(names[: data.n_vectors])
    steps, sessions, users = [], [], []
    for (user,), events in held.events.group_by("user", maintain_order=True):
        met = [row for row in events.select("item", "later").rows() if row[0] in known]
        for position in range(1, len(met)):
            before = [item for item, _ in met[:position]]
            if met[position][1]:
                sessions.append((before[-50:], {met[position][0]}))
                steps += [([before[-1]], {met[position][0]})] if before[-1] != met[position][0] else []
        given = [item for item, later in met if not later]
        targets = {item for item, later in met if later} - set(given)
        users += [(given, targets)] if given and targets else []
        assert user
    actual = {
        task: [([names[row] for row in case.given], {names[row] for row in case.targets}) for case in sample]
        for task, sample in cases.items()
    }
    assert actual == dict(zip(TASKS, (steps, sessions, users), strict=True))
    assert len(steps) > 100
    assert len(users) > 30


def test_cases_are_limited_and_reproducible(held: EvaluationSplit) -> None:
    data = encode(held.train)
    everything = cases_of(held, data, 10_000, 1)
    sample = cases_of(held, data, 25, 1)
    assert {task: len(of) for task, of in sample.items()} == dict.fromkeys(TASKS, 25)
    assert _flat(sample) == _flat(cases_of(held, data, 25, 1))
    assert _flat(sample) != _flat(cases_of(held, data, 25, 2))
    assert set(_flat(sample)) <= set(_flat(everything))


@pytest.fixture(scope="module")
def ours(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ServedMethod, EncodedData]:
    dataset = read_dataset(DatasetConfig.load(planted), 5_000)
    data = encode(dataset)
    return fit_served_method(dataset, data, OPTIONS, tmp_path_factory.mktemp("ours")), data


def test_ours_is_what_the_recommender_answers(ours: tuple[ServedMethod, EncodedData]) -> None:
    served, data = ours
    generation = served.recommender.generation
    assert (served.name, served.kind) == ("hybrid-recs", MethodKind.SERVED)
    assert generation.catalogue.item_id(7) == data.items["item"][7]
    recommender = Recommender(generation)
    hot = {int(row) for row in generation.hot.rows}
    assert 0 < len(hot) < data.n_vectors
    for row in range(data.n_vectors):
        cached = generation.hot.neighbours(row)
        assert (cached is not None) == (row in hot)
        answer = recommender.answer(ItemQuery(row, 20), Outcome.TAIL if cached is None else cached)
        assert served.from_item(row, 20).tolist() == answer.neighbours.rows.tolist()


def test_its_exact_search_is_ours_with_an_exact_index(ours: tuple[ServedMethod, EncodedData]) -> None:
    served, data = ours
    assert not served.recommender.generation.index.approximate
    exact, vectors, lists = parts_of(served)
    assert [part.name for part in (exact, vectors, lists)] == [
        "its exact search",
        "its vectors only",
        "its lists only",
    ]
    assert {part.kind for part in (exact, vectors, lists)} == {MethodKind.PART}
    rng = np.random.default_rng(1)
    scorer = served.recommender.generation.scorer
    for row in range(data.n_vectors):
        assert exact.from_item(row, 20).tolist() == served.from_item(row, 20).tolist()
        met = rng.integers(0, data.n_vectors, rng.integers(1, 70))
        assert exact.from_session(met, 20).tolist() == served.from_session(met, 20).tolist()
        assert exact.from_user(met, 20).tolist() == served.from_user(met, 20).tolist()
        linked, _ = scorer.covisits.neighbours_of(row)
        assert lists.from_item(row, 20).tolist() == linked[:20].tolist()
        near = (scorer.vectors @ scorer.vectors[row]) * scorer.boosts
        near[row] = -np.inf
        np.testing.assert_allclose(near[vectors.from_item(row, 20)], np.sort(near)[::-1][:20], atol=1e-5)


@pytest.fixture(scope="module")
def mixed(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted data with all shoppers there at the same time, so that each has a last item."""
    folder = tmp_path_factory.mktemp("mixed")
    events = pl.read_csv(planted.parent / "interactions.csv", infer_schema=False)
    events = events.with_columns(time=1_000_000 + pl.int_range(pl.len()).over("user"))
    files = {"interactions.csv": events.write_csv(), "items.csv": (planted.parent / "items.csv").read_text()}
    return write(folder, files, planted.read_text())


@pytest.fixture(scope="module")
def result(mixed: Path) -> Json:
    baselines: dict[str, Fit] = {"most popular": Popular.fit, "item-KNN cosine": ItemKnn.fit}
    return evaluate(DatasetConfig.load(mixed), OPTIONS, quiet_steps(), baselines, 300)


_FIGURES = {"hr@20", "mrr@20", "recall@20", "ndcg@20", "se", "head", "tail", "fit_s"}


def _of(result: Json, task: str, method: str) -> Json:
    (row,) = [row for row in result["rows"] if (row["task"], row["method"]) == (task, method)]
    return dict(row)


def test_the_whole_evaluation(result: Json, mixed: Path) -> None:
    assert {"dataset", "protocol", "rows"} <= set(result)
    assert result["dataset"] == DatasetConfig.load(mixed).name
    assert result["protocol"] == "the last 10 % of interactions by time are held out"
    assert {row["task"] for row in result["rows"]} == set(TASKS)
    for row in result["rows"]:
        assert {"task", "method", "kind"} | _FIGURES <= set(row)
        assert 0 <= row["mrr@20"] <= row["hr@20"] <= 1
        assert 0 <= row["recall@20"] <= row["hr@20"]
        assert 0 < row["cases"] <= 300


def test_ours_finds_the_world_and_the_best_sellers_do_not(result: Json) -> None:
    for task in TASKS:
        row, popular = _of(result, task, "hybrid-recs"), _of(result, task, "most popular")
        assert (row["kind"], popular["kind"]) == ("served", "baseline")
        # Twenty of the 29 others of the right world, were they drawn at random.
        assert row["hr@20"] > 0.5 * 20 / 29
        assert row["hr@20"] > popular["hr@20"] + 3 * (row["se"] + popular["se"])
        assert _of(result, task, "its exact search")["hr@20"] == row["hr@20"]


def test_every_form_names_every_method(result: Json) -> None:
    names = {row["method"] for row in result["rows"]}
    assert len(names) == 6
    assert json.loads(show.as_json(result)).keys() == result.keys()
    console = Console(record=True, width=200, file=io.StringIO())
    show.print_table(result, console)
    for text in (show.as_markdown(result), console.export_text()):
        assert all(name in text for name in names)
        assert all(task in text for task in TASKS)


def _with_times(text: str, time_of: Callable[[int], int]) -> str:
    header, *lines = text.splitlines()
    return "\n".join([f"{header},time", *(f"{line},{time_of(n)}" for n, line in enumerate(lines))]) + "\n"


def test_coarse_times_are_evaluated_all_the_same(tmp_path: Path) -> None:
    """Half of all rows are at the last of two times."""
    text = _with_times(_events(2, timed=False), lambda n: 1_700_000_000 + n // 1_500 * 86_400)
    config = DatasetConfig.load(write(tmp_path, {"a.csv": text}, WITH_TIME))
    result = evaluate(config, OPTIONS, quiet_steps(), {}, 200)
    assert result["protocol"].startswith("times are coarse (50.0% of interactions are at one time)")
    assert {row["task"] for row in result["rows"]} == set(TASKS)
    assert result["scoring"]["validation_pairs"] > 100


def test_an_evaluation_without_cases_is_an_error(tmp_path: Path) -> None:
    text = "user,item,time\n" + "".join(f"u{n},i{n % 3},{1_700_000_000 + n}\n" for n in range(40))
    config = DatasetConfig.load(write(tmp_path, {"a.csv": text}, WITH_TIME))
    with pytest.raises(DatasetError, match="there is nothing to evaluate on: the last 10 % of interactions"):
        evaluate(config, OPTIONS, quiet_steps(), {}, 200)
