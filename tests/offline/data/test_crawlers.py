"""Programs among the visitors: found by two signs at once; people who show one of them stay."""

from pathlib import Path

import numpy as np
import pytest

from hybrid_recs.errors import DatasetError
from hybrid_recs.generation.scoring_parameters import ScoringParameters
from hybrid_recs.offline.data.crawlers import REASON
from hybrid_recs.offline.data.dataset import Dataset
from hybrid_recs.offline.data.encoding import encode
from hybrid_recs.offline.evaluation.cases import split_rows
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.offline.training.model import fit
from tests.offline.builders import JUDGED, USER_AND_ITEM, WITH_TIME, all_scores, read

START = 1_700_000_000.0
DAY = 86_400.0
GROUPS, SIZE = 10, 6
Row = tuple[str, str, float]


def _people(seed: int = 1, users: int = 300) -> list[Row]:
    """Each has a liking for one group of items, spread over ninety days."""
    rng = np.random.default_rng(seed)
    return [
        (f"u{user:03d}", f"{1000 + (int(rng.integers(SIZE)) * GROUPS + user % GROUPS)}", START + time)
        for user in range(users)
        for time in np.sort(rng.uniform(0, 90 * DAY, 8))
    ]


def _walk(user: str, at: float, pause: float = 2, items: range = range(GROUPS * SIZE)) -> list[Row]:
    return [(user, f"{1000 + item}", START + at + place * pause) for place, item in enumerate(items)]


def _read(folder: Path, rows: list[Row], more: str = "", toml: str = WITH_TIME) -> Dataset:
    lines = [f"{user},{item},{time:.0f}" for user, item, time in sorted(rows, key=lambda row: row[2])]
    return read(folder, {"a.csv": "\n".join(["user,item,time", *lines]) + "\n"}, more + toml)


def _same_group(dataset: Dataset) -> float:
    """Share of the five nearest items that are of an item's own group."""
    data = encode(dataset)
    parameters = ScoringParameters()
    scores = all_scores(fit(data, 16, 20, parameters).scorer(parameters))
    groups = np.array([(int(item) - 1000) % GROUPS for item in data.items["item"]])
    nearest = np.argsort(-scores, axis=1)[:, :5]
    return float((groups[nearest] == groups[:, np.newaxis]).mean())


def test_one_program_without_cookies_is_found_and_left_out(tmp_path: Path) -> None:
    people = _people()
    walks = [row for n in range(150) for row in _walk(f"c{n:03d}", n * 0.5 * DAY)]
    clean, dataset = _read(tmp_path / "clean", people), _read(tmp_path / "walked", people + walks)
    assert dataset.stats.crawlers == 150
    assert dataset.stats.dropped == {REASON: 9_000}
    assert dataset.stats.rows_kept == 2_400
    assert dataset.pairs.select("user", "item").equals(clean.pairs.select("user", "item"))
    assert _same_group(dataset) >= 0.95
    assert _same_group(_read(tmp_path / "kept", people + walks, "keep_crawlers = true\n")) < 0.3
    example = dataset.stats.crawler_examples[0]
    assert (example.user, example.items, example.seconds, example.walk, example.copies) == (
        *("c…0, 4 characters", 60, 2.0, 1.0, 150),
    )


@pytest.mark.parametrize(
    "walk",
    [
        _walk("fast", 0, pause=1),  # fast and in order
        _walk("back", 0, pause=5, items=range(59, -1, -1)),
        _walk("gaps", 0, pause=3, items=range(0, 60, 2)),
        [
            row for n in range(3) for row in _walk(f"slow{n}", n * DAY, pause=300, items=range(30))
        ],  # and alike
        _walk("long", 0, pause=20),  # in order
        [
            (f"{u}{n}", f"{1000 + 7 * place % 60}", t + n)  # alike, and long
            for n in range(3)
            for place, (u, _, t) in enumerate(_walk("alike", 0, pause=90))
        ],
    ],
)
def test_two_signs_are_a_crawler(walk: list[Row], tmp_path: Path) -> None:
    dataset = _read(tmp_path, _people() + walk)
    assert dataset.stats.crawlers == len({row[0] for row in walk})
    assert dataset.stats.dropped == {REASON: len(walk)}


@pytest.mark.parametrize(
    "person",
    [
        _walk("slow", 0, pause=600),  # in order alone
        [(u, f"{1000 + 7 * n % 60}", t) for n, (u, _, t) in enumerate(_walk("fast", 0, pause=2))],
        [("basket", f"{1000 + n}", START) for n in range(300)],  # one order of a reseller
        [row for n in range(5) for row in _walk(f"kit{n}", n * DAY, pause=0)],  # the same first order
        [
            row for n in range(200) for row in _walk(f"tv{n}", n * 400, pause=1_800, items=range(30))
        ],  # a series
        [row for n in range(2) for row in _walk(f"two{n}", n * DAY, pause=60, items=range(30))],
        [row for n in range(3) for row in _walk(f"three{n}", n * DAY, pause=3_000)],
        _walk("short", 0, pause=1, items=range(15)),
    ],
)
def test_one_sign_is_a_person(person: list[Row], tmp_path: Path) -> None:
    dataset = _read(tmp_path, _people() + person)
    assert dataset.stats.crawlers == 0
    assert dataset.stats.dropped == {}


def test_crawlers_of_many_kinds_are_refused_or_kept_on_demand(tmp_path: Path) -> None:
    rows = _people() + [row for n in range(5) for row in _walk(f"c{n}", n * DAY, items=range(n, 40 + n))]
    with pytest.raises(DatasetError, match=r"5 of 305 visitors .*keep_crawlers = true") as refused:
        _read(tmp_path / "refused", rows)
    assert "such as …, 2 characters: 40 items, 100% of them in the order of the catalogue" in str(
        refused.value
    )
    assert "max_crawlers = 0.02" in str(refused.value)
    left_out = _read(tmp_path / "left out", rows, "max_crawlers = 0.02\n")
    assert (left_out.stats.crawlers, left_out.stats.dropped) == (5, {REASON: 200})
    kept = _read(tmp_path / "kept", rows, "keep_crawlers = true\n")
    assert kept.stats.rows_kept == len(rows)
    assert kept.stats.crawlers == 0


def test_what_most_visitors_do_is_refused(tmp_path: Path) -> None:
    """A course that all go through looks like one crawler of many names."""
    rows = _people() + [row for n in range(400) for row in _walk(f"c{n:03d}", n * 900, 60, range(25))]
    with pytest.raises(DatasetError, match=r"400 of 700 visitors \(1 if those alike .*max_crawlers = 0.58"):
        _read(tmp_path / "refused", rows)
    assert _read(tmp_path / "left out", rows, "max_crawlers = 0.58\n").stats.crawlers == 400


def test_crawlers_that_differ_do_not_pass_for_what_is_usual(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows = [row for n in range(150) for row in _walk(f"c{n:03d}", n * 0.5 * DAY) if rng.random() < 0.9]
    with pytest.raises(DatasetError, match=r"150 of 450 visitors \(150 if those alike count as one\)"):
        _read(tmp_path, _people() + rows)


def test_the_order_of_the_items_table_is_one_of_the_catalogue(tmp_path: Path) -> None:
    listed = np.random.default_rng(2).permutation(60)
    walk = [("c", f"{1000 + item}", START + place * 20) for place, item in enumerate(listed)]
    lines = "".join(f"{user},{item},{time:.0f}\n" for user, item, time in _people() + walk)
    files = {"a.csv": f"user,item,time\n{lines}", "i.csv": "id\n" + "".join(f"{1000 + n}\n" for n in listed)}
    table = '[items]\npath = "i.csv"\nid = "id"\n'
    assert read(tmp_path / "without", files, WITH_TIME).stats.crawlers == 0
    assert read(tmp_path / "with", files, WITH_TIME + table).stats.dropped == {REASON: 60}


def test_where_people_follow_the_catalogue_to_do_so_is_no_sign(tmp_path: Path) -> None:
    people = [row for n in range(100) for row in _walk(f"u{n}", n * DAY / 2, 600, range(n % 50, n % 50 + 8))]
    assert _read(tmp_path, people + _walk("long", 0, pause=20)).stats.crawlers == 0


@pytest.mark.parametrize(("toml", "unit"), [(USER_AND_ITEM, 1), (WITH_TIME, DAY)])
def test_without_a_clock_three_signs_are_needed(toml: str, unit: float, tmp_path: Path) -> None:
    def read_days(folder: str, walks: list[Row]) -> Dataset:
        rows = sorted(_people() + walks, key=lambda row: row[2])
        days = [(user, item, time // unit * unit) for user, item, time in rows]
        return _read(tmp_path / folder, days, toml=toml)

    alike = [row for n in range(30) for row in _walk(f"c{n:03d}", n * DAY)]
    assert read_days("alike", alike).stats.crawlers == 30
    assert read_days("reseller", _walk("one", 0, items=range(300))).stats.crawlers == 0


def test_a_file_sorted_by_item_is_no_walk(tmp_path: Path) -> None:
    rows = [(user, item) for user in range(300) for item in range(user % 7, 50, 1 + user % 3)]
    lines = "\n".join(f"u{user},{1000 + item}" for user, item in rows)
    dataset = read(tmp_path, {"a.csv": f"user,item\n{lines}\n"}, JUDGED)
    assert (dataset.stats.crawlers, dataset.ordered) == (0, False)


def test_the_evaluation_is_without_them_too(tmp_path: Path) -> None:
    walks = [row for n in range(20) for row in _walk(f"c{n:03d}", n * DAY)]
    _read(tmp_path, _people() + walks)
    split = split_rows(DatasetConfig.load(tmp_path / "dataset.toml"), 5_000)
    assert len(split.events) == 2_400
    assert not split.events["user"].str.starts_with("c").any()
