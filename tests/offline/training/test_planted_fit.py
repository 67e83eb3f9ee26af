"""Small data in which it is plain what an item's neighbours are, through the whole fit."""

from pathlib import Path

import numpy as np
import polars as pl

from hybrid_recs.generation.scoring_parameters import ScoringParameters
from hybrid_recs.offline.data.encoding import EncodedData, encode
from hybrid_recs.offline.training.model import Model, fit
from hybrid_recs.offline.training.tuning import repeat_weight
from tests.offline.builders import WITH_TIME, Histories, dataset_of, item_name, read

SEED = 20


def _fit(histories: Histories, dimensions: int = 32) -> tuple[EncodedData, Model]:
    data = encode(dataset_of(histories))
    return data, fit(data, dimensions, SEED, ScoringParameters())


def _neighbours(data: EncodedData, model: Model, item: int, k: int) -> list[int]:
    names = data.items["item"].to_list()
    scorer = model.scorer(ScoringParameters())
    actual = scorer.score_item(names.index(item_name(item)), np.arange(data.n_vectors), k)
    return [int(names[row][1:]) for row in actual.rows.tolist()]


def _worlds(worlds: int, size: int, users: int, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [
        (world * size + rng.permutation(size)[:8]).tolist() for world in range(worlds) for _ in range(users)
    ]


def test_what_everyone_bought_is_not_everybodys_first_neighbour() -> None:
    rng = np.random.default_rng(1)
    bestseller = 999
    histories = []
    for history in _worlds(5, 20, 60):
        position = int(rng.integers(len(history) + 1))
        histories.append([*history[:position], bestseller, *history[position:]])
    data, model = _fit(histories)
    assert data.items["item"][0] == item_name(bestseller)
    first = [_neighbours(data, model, item, 1)[0] for item in range(100)]
    assert first.count(bestseller) < 10
    same_world = [item // 20 == other // 20 for item, other in enumerate(first)]
    assert np.mean(same_world) > 0.9


def test_a_chain() -> None:
    """a → b → c: the neighbours of b are a and c; of a first b and then c."""
    rng = np.random.default_rng(2)
    others = [(100 + rng.permutation(40)[:6]).tolist() for _ in range(200)]
    histories = [*others, *([0, 1, 2] for _ in range(30))]
    data, model = _fit(histories)
    assert _neighbours(data, model, 0, 2) == [1, 2]
    assert set(_neighbours(data, model, 1, 2)) == {0, 2}
    assert _neighbours(data, model, 2, 2) == [1, 0]


def test_two_worlds_that_never_meet() -> None:
    data, model = _fit(_worlds(2, 30, 80))
    for item in range(60):
        actual = _neighbours(data, model, item, 10)
        assert {other // 30 for other in actual} == {item // 30}
    scorer = model.scorer(ScoringParameters())
    world = np.array([int(name[1:]) // 30 for name in data.items["item"].to_list()])
    cosines = scorer.vectors @ scorer.vectors.T
    same = world[:, np.newaxis] == world
    assert cosines[~same].mean() < 0 < cosines[same & ~np.eye(60, dtype=bool)].mean()


def test_an_item_with_one_interaction_has_the_neighbours_of_its_only_user() -> None:
    rare = 500
    histories = [*_worlds(3, 20, 60), [41, 42, rare, 43]]
    data, model = _fit(histories)
    assert set(_neighbours(data, model, rare, 3)) == {41, 42, 43}


def test_an_item_without_co_occurrences_has_no_vector() -> None:
    data, model = _fit([*_worlds(2, 20, 40), [700]])
    assert data.n_vectors == len(model.vectors) == 40
    assert data.items["item"].to_list()[40:] == [item_name(700)]


def test_a_user_with_very_many_interactions_is_capped_and_changes_nothing_for_others(
    tmp_path: Path,
) -> None:
    rows = [
        (f"u{user}", item_name(item), 1_000_000 + 100 * user + position)
        for user, history in enumerate(_worlds(4, 20, 60))
        for position, item in enumerate(history)
    ]
    heavy = [("zz", f"h{position % 6_000:05d}", 1_000_001 + position // 3) for position in range(50_000)]
    schema = ["user", "item", "time"]
    plain = pl.DataFrame(rows, schema=schema, orient="row").write_csv()
    loaded = pl.DataFrame(rows + heavy, schema=schema, orient="row").write_csv()
    toml = "keep_crawlers = true\n" + WITH_TIME
    without = read(tmp_path / "plain", {"a.csv": plain}, toml, 100)
    with_heavy = read(tmp_path / "heavy", {"a.csv": loaded}, toml, 100)
    assert (without.stats.users_capped, with_heavy.stats.users_capped) == (0, 1)
    of_heavy = with_heavy.pairs.filter(pl.col("user") == "zz")
    # The last 100 of 50,000 interactions over 6,000 items in turn.
    assert of_heavy["item"].to_list() == [f"h{position % 6_000:05d}" for position in range(49_900, 50_000)]
    others = with_heavy.pairs.filter(pl.col("user") != "zz").drop("order")
    assert others.equals(without.pairs.drop("order"))
    lists = []
    for dataset in (without, with_heavy):
        data = encode(dataset)
        model = fit(data, 32, SEED, ScoringParameters())
        lists.append(_covisits(data, model))
        for item in range(80):
            assert {other // 20 for other in _neighbours(data, model, item, 10)} == {item // 20}
    assert lists[0] == {name: of for name, of in lists[1].items() if name.startswith("i")}
    assert repeat_weight(without) is None


def _covisits(data: EncodedData, model: Model) -> dict[str, list[tuple[str, float]]]:
    names = data.items["item"].to_list()
    actual = {}
    for row in range(data.n_vectors):
        rows, weights = model.counts.lists.neighbours_of(row)
        actual[names[row]] = [(names[r], w) for r, w in zip(rows.tolist(), weights.tolist(), strict=True)]
    return actual
