"""What a check reports, against planted data, and in every format."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hybrid_recs.offline.check.inspection import inspect
from hybrid_recs.offline.check.render import render
from hybrid_recs.offline.check.report import CheckReport, SourceReport, Suspicion
from hybrid_recs.offline.data.dataset import read_dataset
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from tests.offline.builders import WITH_TIME, File, build_options, write

START = 1_700_000_000
DAY = 86_400
ITEMS = '[items]\npath = "items.csv"\nid = "id"\ntitle = "title"\n'
OPTIONS = build_options()


def _log(users: int = 200, seed: int = 1) -> list[str]:
    rng = np.random.default_rng(seed)
    return [
        f"anna{user:03d}@example.com,i{rng.integers(40):02d},{START + int(rng.integers(60 * DAY))},{n}"
        for user in range(users)
        for n in range(6)
    ]


def _report(folder: Path, lines: list[str], toml: str = WITH_TIME, **files: File) -> CheckReport:
    content: dict[str, File] = {"a.csv": "\n".join(["user,item,time,n", *lines]) + "\n"}
    content |= {name.replace("_", "."): text for name, text in files.items()}
    return inspect(DatasetConfig.load(write(folder, content, toml)), OPTIONS, now=START + 100 * DAY)


def _texts(found: list[Suspicion]) -> str:
    return "\n".join(f"{one.text}; {one.remedy}" for one in found)


def test_rows_of_the_items_table_that_are_left_out_are_counted(tmp_path: Path) -> None:
    items = "id,title\n" + "".join(f"i{n:02d},Title {n}\n" for n in range(31)) + ",No id\n"
    toml = WITH_TIME + ITEMS + "where = \"title <> 'Title 7'\"\n"
    report = _report(tmp_path, _log(), toml, items_csv=items)
    assert report.table is not None
    assert (report.table.listed, report.table.dropped) == (30, {"not matching where": 1, "without an id": 1})
    text = render(report, "text")
    assert "rows left out: 1 not matching where, 1 without an id" in text
    assert "Rows of the items table left out" in render(report, "html")


def test_variants_are_counted_apart_from_the_items(tmp_path: Path) -> None:
    items = "id,title,product\n" + "".join(f"i{n:02d},Title {n // 2},p{n // 2}\n" for n in range(40))
    report = _report(tmp_path, _log(), WITH_TIME + ITEMS + 'group = "product"\n', items_csv=items)
    assert report.table is not None
    assert report.items == report.table.listed == report.table.variants == 20
    assert report.table.duplicate_titles == {}
    assert {column.name: column.use for column in report.sources[1].columns}["product"] == "group"
    assert "20 more are variants of these" in render(report, "text")
    assert "20 more are variants of these" in render(report, "html")


def test_the_figures_are_those_of_the_data(tmp_path: Path) -> None:
    lines = _log()
    bad = ["anna001@example.com,,1700000000,1", "anna002@example.com,i01,soon,1", "x,y,1,2,3"]
    titles = ["Same"] * 3 + [f"Title {n}" for n in range(3, 31)]
    items = "id,title\n" + "".join(f"i{n:02d},{title}\n" for n, title in enumerate(titles))
    report = _report(tmp_path, lines[:600] + bad + lines[600:], WITH_TIME + ITEMS, items_csv=items)
    rows = pl.DataFrame([line.split(",") for line in lines], ["user", "item", "time", "n"], orient="row")
    assert (report.rows_read, report.rows_kept) == (1_203, 1_200)
    assert (report.users, report.items) == (200, rows["item"].n_unique())
    assert report.pairs == rows.select("user", "item").n_unique()
    assert {one.reason: (one.rows, one.row) for one in report.dropped} == {
        "without an item": (1, 601),
        "without a readable time": (1, 602),
        "on a line that cannot be read": (1, 0),
    }
    example = {one.reason: one.example for one in report.dropped}["without a readable time"]
    assert example == {"user": "a…m, 19 characters", "item": "i01", "time": "soon"}
    assert report.span is not None
    times = rows["time"].cast(pl.Int64)
    assert (report.span.first, report.span.last) == (times.min(), times.max())
    assert sum(report.span.bars) == 1_200
    assert report.longest[0].rows == 6
    assert report.table is not None
    assert report.table.listed == 31
    logged = set(rows["item"])
    assert report.table.logged_listed == pytest.approx(
        sum(i <= "i30" for i in logged) / len(logged), abs=1e-4
    )
    assert report.table.duplicate_titles == {"Same": 3}
    counts = rows["item"].value_counts()["count"].sort(descending=True)
    assert report.popularity["50%"] == pytest.approx(counts.head(20).sum() / 1_200, abs=1e-4)
    assert (report.outlook.dimensions, report.outlook.index) == (10, "exact")


def test_the_sources_are_described(tmp_path: Path) -> None:
    report = _report(tmp_path, [*_log(), "x,y,1,2,3"], WITH_TIME + ITEMS, items_csv="id,title\ni01,Pot\n")
    log, items = report.sources
    assert (log.table, log.files, log.format) == ("interactions", 1, "csv")
    assert log.reading == 'separated by commas, quoted by ", utf-8'
    assert [(one.name, one.use) for one in log.columns] == [
        ("user", "user"), ("item", "item"), ("time", "time"), ("n", ""),
    ]  # fmt: skip
    assert log.columns[0].samples == ["a…m, 19 characters"] * 3
    assert log.columns[3].samples == ["0", "1", "2"]
    assert "line 1202: 5 fields, but 4 columns" in log.bad_lines[0]
    assert items.columns[1].samples == ["Pot"]


@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_every_format_has_the_same_figures_and_no_name(form: str, tmp_path: Path) -> None:
    report = _report(tmp_path, [*_log(), "anna7@example.com,<script>,1700000000,1"])
    page = render(report, form)
    assert "example.com" not in page
    for figure in (report.users, report.items, report.pairs):
        assert f"{figure:,}" in page or str(figure) in page
    if form == "json":
        assert json.loads(page)["rows_kept"] == report.rows_kept
    if form == "html":
        assert "<script>" not in page
        assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    shown = inspect(DatasetConfig.load(tmp_path / "dataset.toml"), OPTIONS, show_users=True)
    assert "anna000@example.com" in render(shown, form)


def test_clean_data_raises_no_suspicion(tmp_path: Path) -> None:
    assert _report(tmp_path, _log()).suspicions == []


@pytest.mark.parametrize(
    ("lines", "more", "text"),
    [
        (
            [f"guest,i{7 * n % 40:02d},{START + 5_000 * n},1" for n in range(400)],
            "",
            "one user (g…t, 5 characters) has 25.0% of all rows",
        ),
        (
            [f"u{n % 90},a{n % 5};a{n % 7},{START + 977 * n},1" for n in range(900)],
            "where = \"item LIKE '%;%'\"\n",
            'set item = { column = "item", separator = ";" }',
        ),
        ([f"v{n},i01,{START + n},9" for n in range(9_000)], "", "98% of the users have a single item"),
        (["v,i01,1700000000,100000"], 'weight = "n"\n', "one pair of user and item has"),
    ],
)
def test_what_is_odd_is_said_with_a_remedy(lines: list[str], more: str, text: str, tmp_path: Path) -> None:
    report = _report(tmp_path, _log() + lines, WITH_TIME + more)
    assert text in _texts(report.suspicions)
    assert not any(one.cannot_be_right for one in report.suspicions)


def test_times_of_january_1970_cannot_be_right(tmp_path: Path) -> None:
    lines = [f"u{n % 9},i{n % 7},{20_231_100 // 20 + n},1" for n in range(90)]
    report = _report(tmp_path, lines)
    assert [one.cannot_be_right for one in report.suspicions][:1] == [True]
    assert "all times lie in January 1970" in report.suspicions[0].text
    said = _report(tmp_path / "said", lines, WITH_TIME + 'time_format = "unix"\n')
    assert "January 1970" not in _texts(said.suspicions)


def test_half_a_table_is_odd(tmp_path: Path) -> None:
    items = "id,title\n" + "".join(f"i{n:02d},Title {n}\n" for n in range(20))
    report = _report(tmp_path, _log(), WITH_TIME + ITEMS, items_csv=items)
    assert "50.0% of the items of the interactions are in the items table" in _texts(report.suspicions)
    assert "set only_listed = true" in _texts(report.suspicions)


def test_several_tables_and_files_are_counted(tmp_path: Path) -> None:
    toml = (
        '[[interactions]]\npath = "log/*.csv"\nuser = "user"\nitem = "item"\n'
        '[[interactions]]\nquery = "SELECT who, what FROM more"\nuser = "who"\nitem = "what"\n'
        '[tables.more]\npath = "more.ndjson"\n'
    )
    files: dict[str, File] = {
        **{f"log/{n}.csv": "user,item\nu,1\nv,2\n" for n in range(5)},
        "more.ndjson": '{"who": "secret", "what": "1"}\n',
    }
    report = inspect(DatasetConfig.load(write(tmp_path, files, toml)), OPTIONS)
    described: dict[str, SourceReport] = {source.table: source for source in report.sources}
    assert list(described) == ["interactions 1", "interactions 2", "tables.more"]
    assert (described["interactions 1"].files, len(described["interactions 1"].names)) == (5, 3)
    assert described["interactions 2"].format == "query"
    assert [one.samples for one in described["tables.more"].columns] == [
        ["s…t, 6 characters"],
        ["…, 1 character"],
    ]


def test_a_check_changes_nothing(tmp_path: Path) -> None:
    _report(tmp_path, _log())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    config = DatasetConfig.load(tmp_path / "dataset.toml")
    inspect(config, OPTIONS)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert read_dataset(config, 5_000).stats.rows_kept == 1_200
