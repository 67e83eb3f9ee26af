"""The gate: a healthy build passes, each kind of damage is named, a refusal changes nothing in service."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hybrid_recs.commands import rebuild_index
from hybrid_recs.errors import GateRefusedError
from hybrid_recs.generation.generation import BOOSTS_FILE, VECTORS_FILE, Generation
from hybrid_recs.generation.manifest import FILE_NAME, Manifest
from hybrid_recs.generation.neighbour_lists import NeighbourLists
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.offline.build import gate
from hybrid_recs.offline.build.bounds import MIN_OVERLAP, PAST, DataBounds, Verdict, judge
from hybrid_recs.offline.build.description import changed_keys
from hybrid_recs.offline.build.replacement import changed_description, compare, remarks
from hybrid_recs.settings import Settings
from hybrid_recs.types import Json, Neighbours
from tests.conftest import quiet_steps
from tests.paths import ROOT
from tests.planted import ITEMS_PER_WORLD, WORLDS, item_id


@pytest.fixture
def folder(index_dir: Path) -> Path:
    """A generation that a test may damage."""
    return index_dir / "generations" / (index_dir / "CURRENT").read_text().strip()


def _lists(folder: Path) -> tuple[list[int], list[Neighbours]]:
    hot = Generation.open(folder).hot
    rows = [int(row) for row in hot.rows]
    return rows, [actual for row in rows if (actual := hot.neighbours(row)) is not None]


def _write(folder: Path, rows: list[int], lists: list[Neighbours]) -> None:
    # In new files: those that are there may be mapped by another generation.
    for name in ("hot_rows.npy", "hot_lists.npy", "hot_offsets.npy"):
        (folder / name).unlink()
    NeighbourLists.write(folder, np.array(rows), lists)


def _with_first(lists: list[Neighbours], position: int, place: int, row: int) -> list[Neighbours]:
    rows = lists[position].rows.copy()
    rows[place] = row
    return [*lists[:position], Neighbours(rows, lists[position].scores), *lists[position + 1 :]]


def _measured(folder: Path) -> tuple[dict[str, float], list[str]]:
    # The gate measures a build before it is sealed: no sizes or checksums of files are known yet.
    unsealed = Manifest.read(folder).model_copy(update={"files": {}})
    quality = gate.measure(Generation.open(folder, unsealed), None)
    return quality, _stated(gate.problems(quality))


def _stated(problems: list[str]) -> list[str]:
    """Problems with fixed bounds, without the way past them, which each names."""
    past = f" (fixed); {PAST}"
    assert all(problem.endswith(past) for problem in problems)
    return [problem.removesuffix(past) for problem in problems]


def test_a_healthy_build_has_no_problems(generation: Generation) -> None:
    quality = gate.measure(generation, generation)
    shown = {row for list_ in _hot_lists(generation) for row in list_.head(10).rows.tolist()}
    assert quality.pop("hr@20") == quality.pop("serving_hr@20") == generation.manifest.scoring.hr
    coverage = {quality.pop(name) for name in ("coverage", "shared_coverage", "serving_shared_coverage")}
    assert coverage == {len(shown) / 240}
    account = generation.manifest.dataset.account
    sizes = {"rows": account["rows_kept"], "users": account["users"], "items": account["items"]}
    for name, size in sizes.items():
        assert quality.pop(name) == quality.pop(f"serving_{name}") == size
    assert quality.pop("kept_share") == quality.pop("serving_kept_share")
    assert quality.pop("days") == quality.pop("serving_days")
    assert quality.pop("newest") == quality.pop("serving_newest") == account["last_time"] / 86_400
    assert quality == {
        "surviving": 1,
        "other_name": 0,
        "ann_recall@10": 1,
        "ann_recall@100": 1,
        "full_lists": 1,
        "duplicates": 0,
        "self_recommended": 0,
        "unknown_rows": 0,
        "not_finite": 0,
        "parity@10": 1,
        "shared_hot_items": len(generation.hot),
        "overlap@10": 1,
    }
    assert gate.problems(quality) == []


def _hot_lists(generation: Generation) -> list[Neighbours]:
    lists = [generation.hot.neighbours(int(row)) for row in generation.hot.rows]
    return [neighbours for neighbours in lists if neighbours is not None]


def test_figures_that_fall_below_the_serving_generation_are_shown_beside_it(generation: Generation) -> None:
    quality = gate.measure(generation, generation)
    assert gate.problems(quality | {"hr@20": 0.81 * quality["hr@20"]}) == []
    fallen = quality | {
        "hr@20": 0.2,
        "serving_hr@20": 0.3,
        "shared_hot_items": 100,
        "shared_coverage": 0.1,
        "serving_shared_coverage": 0.4,
    }
    assert gate.problems(fallen) == [
        f"hr@20 is 0.2, 0.3 in the serving generation, bound 0.24 (fixed); {PAST}",
        f"shared_coverage is 0.1, 0.4 in the serving generation, bound 0.2 (fixed); {PAST}",
    ]


def test_a_figure_that_only_the_serving_generation_has_is_a_refusal(generation: Generation) -> None:
    quality = gate.measure(generation, generation)
    del quality["hr@20"]
    (problem,) = gate.problems(quality)
    assert problem.startswith("hr@20 could not be measured, 0.")


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"rows": 500, "serving_rows": 1_000_000}, "rows is 500, 1,000,000 in the serving gen"),
        ({"items": 465, "serving_items": 20_000}, "items is 465, 20,000 in the serving generation, bound 1"),
        ({"kept_share": 0.4, "serving_kept_share": 0.99}, "kept_share is 0.4, 0.99 in the serving"),
        ({"days": 1.0, "serving_days": 90.0}, "days is 1, 90 in the serving generation, bound 45"),
        ({"newest": 19_000.0, "serving_newest": 19_001.5}, "the newest interaction is 2022-01-08 00:00, "),
        ({"surviving": 0.2}, "only 20.0% of the serving generation's interactions"),
        ({"surviving": 0.2, "other_name": 1}, "it is of another dataset"),
    ],
)  # fmt: skip
def test_data_that_falls_behind_the_serving_generations(
    figures: dict[str, float], message: str, generation: Generation
) -> None:
    quality = gate.measure(generation, generation)
    (problem,) = gate.problems(quality | figures)
    assert problem.startswith(message)
    assert gate.problems(quality | {"surviving": 0.5, "rows": 0.5 * quality["rows"], "other_name": 1}) == []
    looser = DataBounds(max_fall=1, min_surviving=0, max_days_back=2)
    assert bool(gate.problems(quality | figures, looser)) == ("other_name" in figures)


def test_an_item_twice_in_a_list(folder: Path) -> None:
    rows, lists = _lists(folder)
    _write(folder, rows, _with_first(lists, 3, 50, int(lists[3].rows[60])))
    quality, problems = _measured(folder)
    assert quality["duplicates"] == 1
    assert problems == ["duplicates is 1, not 0"]


def test_an_item_in_its_own_list(folder: Path) -> None:
    rows, lists = _lists(folder)
    _write(folder, rows, _with_first(lists, 2, 99, rows[2]))
    quality, problems = _measured(folder)
    assert quality["self_recommended"] == 1
    assert problems == ["self_recommended is 1, not 0"]


def test_vectors_that_are_not_numbers(folder: Path) -> None:
    vectors = np.load(folder / VECTORS_FILE)
    vectors[-1, :2] = np.nan
    vectors[-2, 0] = np.inf
    (folder / VECTORS_FILE).unlink()
    np.save(folder / VECTORS_FILE, vectors)
    quality, problems = _measured(folder)
    assert quality["not_finite"] == 3
    assert "not_finite is 3, not 0" in problems


def test_tilts_and_scores_that_are_not_numbers(folder: Path) -> None:
    tilt = np.load(folder / BOOSTS_FILE)
    tilt[5] = np.nan
    (folder / BOOSTS_FILE).unlink()
    np.save(folder / BOOSTS_FILE, tilt)
    rows, lists = _lists(folder)
    scores = lists[1].scores.copy()
    scores[-1] = np.nan
    _write(folder, rows, [lists[0], Neighbours(lists[1].rows, scores), *lists[2:]])
    quality, problems = _measured(folder)
    assert quality["not_finite"] == 2
    assert "not_finite is 2, not 0" in problems


def test_rows_that_do_not_exist(folder: Path) -> None:
    rows, lists = _lists(folder)
    _write(folder, rows, _with_first(lists, 3, 50, 1_000_000))
    quality, problems = _measured(folder)
    assert quality["unknown_rows"] == 1
    assert "unknown_rows is 1, not 0" in problems


def test_a_figure_that_is_not_a_number_passes_no_bound(generation: Generation) -> None:
    quality = gate.measure(generation, None) | {"parity@10": float("nan")}
    assert _stated(gate.problems(quality)) == ["parity@10 is nan, below 0.95"]


def test_lists_that_are_too_short(folder: Path) -> None:
    rows, lists = _lists(folder)
    _write(
        folder,
        rows,
        [actual.head(99) if position % 10 == 0 else actual for position, actual in enumerate(lists)],
    )
    quality, problems = _measured(folder)
    short = len(range(0, len(lists), 10))
    assert quality["full_lists"] == pytest.approx(1 - short / len(lists))
    assert problems == [f"full_lists is {quality['full_lists']:.4g}, below 0.99"]


def test_lists_of_other_items(folder: Path) -> None:
    rows, lists = _lists(folder)
    moved = [*lists[1:], lists[0]]
    exchanged = [
        Neighbours(np.where(actual.rows == row, old, actual.rows), actual.scores)
        for row, old, actual in zip(rows, [*rows[1:], rows[0]], moved, strict=True)
    ]
    _write(folder, rows, exchanged)
    quality, problems = _measured(folder)
    assert quality["parity@10"] < 0.5
    assert f"parity@10 is {quality['parity@10']:.4g}, below 0.95" in problems


def test_lists_in_another_order(folder: Path) -> None:
    rows, lists = _lists(folder)
    _write(folder, rows, [Neighbours(actual.rows[::-1], actual.scores) for actual in lists])
    quality, problems = _measured(folder)
    assert quality["parity@10"] < 0.05
    assert problems == [f"parity@10 is {quality['parity@10']:.4g}, below 0.95"]


def test_parity_is_the_share_of_the_first_ten_that_live_search_gives(folder: Path) -> None:
    rows, lists = _lists(folder)
    # Two of the first ten exchanged for the last two, in every list.
    order = [*range(8), 98, 99, *range(10, 98), 8, 9]
    _write(folder, rows, [Neighbours(actual.rows[order], actual.scores) for actual in lists])
    assert _measured(folder)[0]["parity@10"] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"ann_recall@10": 0.9}, ["ann_recall@10 is 0.9, below 0.95"]),
        ({"ann_recall@100": 0.9}, ["ann_recall@100 is 0.9, below 0.95"]),
        ({"shared_hot_items": 100, "overlap@10": 0.05}, ["overlap@10 is 0.05, below 0.1"]),
        ({"shared_hot_items": 99, "overlap@10": 0.05}, []),  # too few to judge by
        ({"shared_hot_items": 0}, []),
        (
            {"full_lists": 0.5, "duplicates": 2},
            ["full_lists is 0.5, below 0.99", "duplicates is 2, not 0"],
        ),
    ],
)
def test_every_bound_is_put_in_words(
    figures: dict[str, float], message: list[str], generation: Generation
) -> None:
    assert _stated(gate.problems(gate.measure(generation, None) | figures)) == message


def test_a_refusal_is_raised_and_on_record_unless_forced(index_dir: Path) -> None:
    store = GenerationStore(index_dir)
    manifest = store.open_current().manifest
    gate.check(store, manifest)
    before = store.history()
    bad = manifest.model_copy(update={"quality": manifest.quality | {"duplicates": 3.0}})
    reasons = [f"duplicates is 3, not 0 (fixed); {PAST}"]
    assert gate.check(store, bad.model_copy(update={"forced": True})) == reasons
    assert store.history() == before
    with pytest.raises(GateRefusedError, match=f"generation {bad.id} was refused: duplicates is 3, not 0"):
        gate.check(store, bad)
    event = store.history()[-1]
    assert (event["event"], event["generation"]) == ("refused", bad.id)
    assert event["reasons"] == reasons


def _exchange_ids(description: Path) -> None:
    """Give every item the history of another one, so that no list has much in common with the old one."""
    ids = [item_id(world, place) for world in range(WORLDS) for place in range(ITEMS_PER_WORLD)]
    others = dict(zip(ids, np.random.default_rng(1).permutation(ids).tolist(), strict=True))
    path = description.with_name("interactions.csv")
    header, *lines = path.read_text().splitlines()
    cells = [line.split(",") for line in lines]
    path.write_text("\n".join([header, *(f"{u},{others[item]},{t}" for u, item, t in cells)]) + "\n")


def _copy(description: Path, name: str, renamed: str = "") -> Path:
    """A copy of a dataset under a name, with something written before every item's id."""
    folder = Path(shutil.copytree(description.parent, description.parents[1] / name))
    path = folder / "interactions.csv"
    header, *lines = path.read_text().splitlines()
    cells = [line.split(",") for line in lines]
    path.write_text("\n".join([header, *(f"{u},{renamed}{item},{t}" for u, item, t in cells)]) + "\n")
    header, *lines = (folder / "items.csv").read_text().splitlines()
    (folder / "items.csv").write_text("\n".join([header, *(renamed + line for line in lines)]) + "\n")
    toml = folder / description.name
    toml.write_text(f'name = "{name}"\n{toml.read_text()}')
    return toml


def test_what_a_rebuild_replaces_is_looked_at(planted: Path, redis_url: str, tmp_path: Path) -> None:
    shop = Path(shutil.copytree(planted.parent, tmp_path / "shop")) / planted.name
    whole, other = _copy(shop, "whole"), _copy(shop, "other", "new-")
    settings = Settings(index_dir=tmp_path / "index", redis_url=redis_url, key_prefix="replaced")
    first = rebuild_index.rebuild(whole, None, settings, quiet_steps())

    ids_changed = other.with_name("same-name.toml")
    ids_changed.write_text(other.read_text().replace('name = "other"', 'name = "whole"'))
    with pytest.raises(GateRefusedError, match=r"only 0\.0% of the serving generation's interactions"):
        rebuild_index.rebuild(ids_changed, None, settings, quiet_steps())
    with pytest.raises(GateRefusedError, match=r"another dataset .* \(0\.0% of .*\(--new-dataset\)"):
        rebuild_index.rebuild(other, None, settings, quiet_steps())
    assert GenerationStore(settings.index_dir).current() == first.id

    # The same items under another name: compared, and published.
    another_name = _copy(shop, "another-name")
    moved = rebuild_index.rebuild(another_name, None, settings, quiet_steps())
    assert moved.manifest.quality["other_name"] == 1
    assert moved.manifest.quality["surviving"] == 1
    fewer = settings.model_copy(update={"hot_max_items": 0})
    assert rebuild_index.rebuild(another_name, None, fewer, quiet_steps()).manifest.hot_items == 0
    replaced = rebuild_index.rebuild(other, None, settings, quiet_steps(), new_dataset=True)
    assert replaced.manifest.new_dataset
    assert "surviving" not in replaced.manifest.quality


def test_a_refused_rebuild_leaves_the_old_generation_in_service(
    planted: Path, redis_url: str, tmp_path: Path
) -> None:
    description = Path(shutil.copytree(planted.parent, tmp_path / "shop")) / planted.name
    settings = Settings(index_dir=tmp_path / "index", redis_url=redis_url, key_prefix="gate", hot_share=1.0)
    first = rebuild_index.rebuild(description, None, settings, quiet_steps())
    _exchange_ids(description)

    environment = {name: value for name, value in os.environ.items() if not name.startswith("HYBRID_RECS_")}
    environment |= {
        "HYBRID_RECS_INDEX_DIR": str(settings.index_dir),
        "HYBRID_RECS_REDIS_URL": redis_url,
        "HYBRID_RECS_KEY_PREFIX": "gate",
        "HYBRID_RECS_HOT_SHARE": "1.0",
    }
    command = [sys.executable, "-m", "jobs.rebuild_index", "--dataset", str(description)]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    store = GenerationStore(settings.index_dir)
    assert ended.returncode == 1, ended.stderr
    assert "was refused: overlap@10 is 0.0" in ended.stdout
    assert "below 0.1" in ended.stdout
    assert store.current() == first.id
    assert [listing.state for listing in store.generations()] == ["current", "refused"]

    forced = rebuild_index.rebuild(description, None, settings, quiet_steps(), force=True)
    assert store.current() == forced.id
    assert forced.manifest.forced
    assert forced.manifest.quality["overlap@10"] < MIN_OVERLAP
    assert forced.manifest.quality["shared_hot_items"] >= 100
    assert forced.manifest.parent == first.id
    # The refused one is not kept for a rollback.
    assert [listing.id for listing in store.generations()] == [first.id, forced.id]
    assert store.rollback_target() == first.id


def test_the_newest_interaction_may_be_a_day_older(generation: Generation) -> None:
    quality = gate.measure(generation, generation)
    newest = quality["newest"]
    assert gate.problems(quality | {"serving_newest": newest + 1}) == []
    (problem,) = gate.problems(quality | {"serving_newest": newest + 1.01})
    assert "HYBRID_RECS_GATE_MAX_DAYS_BACK=1" in problem
    del quality["newest"]
    assert "of no known day" in gate.problems(quality)[0]


def test_changed_keys_are_named() -> None:
    before: Json = {"interactions": [{"path": "a", "where": "x"}, {"path": "b"}], "items": {"id": "i"}}
    after: Json = {"interactions": [{"path": "a", "where": "y"}, {"path": "c"}], "strip": True}
    assert changed_keys(before, after) == ["interactions.where", "interactions.1.path", "items.id", "strip"]
    assert changed_keys(before, before) == []


def _renamed(manifest: Manifest, **fields: object) -> Manifest:
    return manifest.model_copy(update={"dataset": manifest.dataset.model_copy(update=fields)})


def test_what_the_comparison_rests_on_is_said(generation: Generation) -> None:
    measured = generation.manifest
    quality = {"surviving": 0.97, "other_name": 1.0, "serving_items": 240.0, "hr@20": 0.5}
    build = measured.model_copy(update={"quality": quality})
    assert remarks(build, _renamed(measured, name="old")) == [
        "the serving generation is of the dataset 'old': compared as the same one under a new name, as 97% "
        "of its interactions are about items of this build"
    ]
    build = build.model_copy(update={"quality": quality | {"other_name": 0.0}})
    older = _renamed(measured, account={"users": 5, "items": 7}).model_copy(update={"quality": {}})
    assert remarks(build, older) == [
        "the manifest of the serving generation does not tell days, hr@20, kept_share, newest, rows: "
        "not compared"
    ]
    assert remarks(build, measured) == []


def test_why_nothing_is_compared_is_said(index_dir: Path) -> None:
    store = GenerationStore(index_dir)
    serving = store.require_current()
    manifest = store.open_current().manifest.model_copy(update={"quality": {}})
    assert gate.remarks_on(GenerationStore(index_dir / "none"), manifest) == [
        "no generation serves: there is nothing to compare with"
    ]
    assert gate.remarks_on(store, manifest.model_copy(update={"new_dataset": True})) == [
        f"not compared with the serving generation {serving}: NEW_DATASET=1 (--new-dataset)"
    ]
    path = store.path(serving) / FILE_NAME
    path.write_text(path.read_text().replace(f'"name": "{manifest.dataset.name}"', '"name": "demo"'))
    assert gate.remarks_on(store, manifest) == [
        f"not compared with the serving generation {serving}: a demo's is never protected"
    ]


def test_which_keys_changed_is_told_as_far_as_it_is_known(generation: Generation) -> None:
    now = generation.manifest
    assert now.dataset.description is not None
    assert now.dataset.description["interactions"][0]["path"] == "interactions.csv"
    assert "folder" not in now.dataset.description
    assert changed_description(now, now) == ""
    without_items = {key: value for key, value in now.dataset.description.items() if key != "items"}
    assert "items.path" in changed_description(now, _renamed(now, description=without_items))
    unknown = "which keys of the dataset.toml changed was not recorded"
    assert changed_description(now, _renamed(now, description=None)) == unknown


def _with_account(generation: Generation, account: Json) -> Generation:
    return replace(generation, manifest=_renamed(generation.manifest, account=account))


@pytest.mark.parametrize(
    ("account", "sizes"),
    [
        ({}, {}),
        ({"users": "many", "items": 240, "last_time": "2021"}, {"serving_items": 240}),
        ({"rows_kept": 90, "rows_read": 100}, {"serving_rows": 90, "serving_kept_share": 0.9}),
        ({"rows_kept": 90, "rows_read": 100, "dropped": None},
         {"serving_rows": 90, "serving_kept_share": 0.9}),
        # All at one time: of no length, but of a known day.
        ({"first_time": 864_000.0, "last_time": 864_000.0}, {"serving_newest": 10}),
        ({"first_time": 432_000.0, "last_time": 864_000.0}, {"serving_newest": 10, "serving_days": 5}),
        ({"first_time": None, "last_time": None}, {}),
    ],
)  # fmt: skip
def test_what_an_account_does_not_tell_is_not_compared(
    account: Json, sizes: dict[str, float], generation: Generation
) -> None:
    found = compare(generation, _with_account(generation, account))
    others = {"serving_hr@20", "serving_shared_coverage"}
    assert {key: found[key] for key in found if key.startswith("serving_") and key not in others} == sizes


def test_a_size_that_only_the_serving_generation_has_is_a_refusal(generation: Generation) -> None:
    quality = gate.measure(_with_account(generation, {}), generation) | {"serving_days": 90.0}
    problems = gate.problems(quality)
    assert (
        "days could not be measured, 90 in the serving generation, bound 45 (HYBRID_RECS_GATE_MAX_FALL=0.5); "
        f"{PAST}" in problems
    )
    assert [problem.split()[0] for problem in problems] == [
        "rows", "users", "items", "days", "kept_share", "the"
    ]  # fmt: skip


def test_every_figure_is_judged_once_beside_its_bound(generation: Generation) -> None:
    quality = gate.measure(generation, generation)
    fallen = {"rows": 500.0, "serving_rows": 1e6, "newest": 19_000.0, "serving_newest": 19_001.5}
    judged = {one.name: one for one in judge(quality | fallen, DataBounds())}
    named = {name for name in quality if not name.startswith("serving_")}
    assert set(judged) == named - {"other_name"}
    assert (judged["rows"].build, judged["rows"].serving, judged["rows"].bound) == (
        "500", "1,000,000", "≥ 500,000"
    )  # fmt: skip
    newest = judged["newest"]
    assert newest.refusal == (
        "the newest interaction is 2022-01-08 00:00, 2022-01-09 12:00 in the serving generation, bound "
        f"2022-01-08 12:00 (HYBRID_RECS_GATE_MAX_DAYS_BACK=1): is it an old export? {PAST}"
    )
    assert (newest.build, newest.serving, newest.bound) == (
        "2022-01-08 00:00", "2022-01-09 12:00", "≥ 2022-01-08 12:00"
    )  # fmt: skip
    assert judged["parity@10"] == Verdict("parity@10", "1", "", "≥ 0.95")
    assert judged["coverage"].bound == ""
    assert [one.name for one in judged.values() if one.refusal] == ["rows", "newest"]


def test_a_manifest_with_a_figure_that_is_not_a_number_is_read_again(folder: Path) -> None:
    manifest = Manifest.read(folder)
    bad = manifest.model_copy(update={"quality": manifest.quality | {"parity@10": float("nan")}})
    (folder / FILE_NAME).write_text(bad.model_dump_json())
    assert _stated(gate.problems(Manifest.read(folder).quality)) == ["parity@10 is nan, below 0.95"]
