"""Files of every kind that people export, clean and not: the same rows, or an error that names the file."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
import zstandard

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.dataset import Dataset
from hybrid_recs.offline.sources.bad_lines import REASON
from tests.offline.builders import USER_AND_ITEM, WITH_TIME, File, read

ROWS = [(f"u{n % 7}", f"{n:03d}", 1_700_000_000 + n) for n in range(40)]
PAIRS = sorted((user, item) for user, item, _ in ROWS)


def _csv(separator: str = ",", rows: list[tuple[str, str, int]] = ROWS) -> str:
    lines = [separator.join(map(str, row)) for row in rows]
    return "\n".join([separator.join(("user", "item", "time")), *lines]) + "\n"


def _json(rows: list[tuple[str, str, int]] = ROWS) -> list[dict[str, object]]:
    return [{"user": user, "item": item, "time": time} for user, item, time in rows]


def _ndjson(objects: list[dict[str, object]]) -> str:
    return "".join(json.dumps(one) + "\n" for one in objects)


def _zip(**members: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("_", "."), text)
    return content.getvalue()


def _arrow() -> bytes:
    content = io.BytesIO()
    pl.DataFrame(ROWS, ["user", "item", "time"], orient="row").write_ipc(content)
    return content.getvalue()


def _sheet() -> bytes:
    content = io.BytesIO()
    times = [datetime.fromtimestamp(time) for _, _, time in ROWS]
    columns = {"user": [row[0] for row in ROWS], "item": [row[1] for row in ROWS], "time": times}
    pl.DataFrame(columns).write_excel(content)
    return content.getvalue()


FILES: dict[str, File] = {
    "a.csv.gz": gzip.compress(_csv().encode()),
    "a.csv.zst": zstandard.compress(_csv().encode()),
    "a.csv.zip": _zip(log_csv=_csv()),
    "a.zip": _zip(a_csv=_csv(rows=ROWS[:20]), b_ndjson=_ndjson(_json(ROWS[20:])), readme_md="# no data"),
    "named.csv": gzip.compress(_csv().encode()),
    "named2.csv": zstandard.compress(_csv().encode()),
    "a.tsv": _csv("\t"),
    "a.psv": _csv("|"),
    "a.ndjson": _ndjson(_json()),
    "a.ndjson.gz": gzip.compress(_ndjson(_json()).encode()),
    "a.ndjson.zst": zstandard.compress(_ndjson(_json()).encode()),
    "a.json": json.dumps(_json()),
    "pretty.json": json.dumps(_json(), indent=2),
    "wrapped.json": json.dumps({"total": 40, "events": _json()}, indent=2),
    "a.json.gz": gzip.compress(json.dumps(_json()).encode()),
    "a.arrow": _arrow(),
    "a.feather": _arrow(),
    "a.xlsx": _sheet(),
    "a.parquet": pl.DataFrame(ROWS, ["user", "item", "time"], orient="row"),
    "bom.csv": b"\xef\xbb\xbf" + _csv().replace("\n", "\r\n").encode(),
    "bom.ndjson": b"\xef\xbb\xbf" + _ndjson(_json()).encode(),
}


def _pairs(dataset: Dataset) -> list[tuple[str, str]]:
    return sorted(dataset.pairs.select("user", "item").rows())


@pytest.mark.parametrize("name", FILES)
def test_every_file_holds_the_same_rows(name: str, tmp_path: Path) -> None:
    dataset = read(tmp_path, {name: FILES[name]}, WITH_TIME.replace("a.csv", name))
    assert _pairs(dataset) == PAIRS
    assert dataset.stats.dropped == {}
    assert dataset.stats.rows_read == 40
    assert dataset.stats.first_time == 1_700_000_000


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252"])
def test_spreadsheets_write_other_encodings(encoding: str, tmp_path: Path) -> None:
    text = _csv("\t").replace("u3", "ü3")
    toml = WITH_TIME.replace("a.csv", "a.txt") + f'encoding = "{encoding}"\nseparator = "\\t"\n'
    dataset = read(tmp_path, {"a.txt": text.encode(encoding)}, toml)
    assert dataset.pairs.filter(user="ü3").height == 6
    if encoding == "utf-16":
        with pytest.raises(DatasetError, match=r'is not utf-8; set encoding = "utf-16"'):
            read(tmp_path / "unsaid", {"a.csv": text.encode(encoding)}, USER_AND_ITEM)


def test_all_files_of_a_folder_are_read_whatever_they_are(tmp_path: Path) -> None:
    files: dict[str, File] = {
        "log/1.csv": _csv(rows=ROWS[:10]),
        "log/2.csv.gz": gzip.compress(_csv(rows=ROWS[10:20]).encode()),
        "log/3.ndjson": _ndjson(_json(ROWS[20:30])),
        "log/4.zip": _zip(a_csv=_csv(rows=ROWS[30:])),
        "log/5-empty.csv": "",
        "log/.hidden.csv": "not,this\n",
        "log/_SUCCESS.csv": "nor,this\n",
    }
    assert _pairs(read(tmp_path, files, WITH_TIME.replace("a.csv", "log"))) == PAIRS


def test_files_are_united_by_the_names_of_their_columns(tmp_path: Path) -> None:
    files: dict[str, File] = {
        "log/1.csv": _csv(rows=ROWS[:20]),
        "log/2.csv": "time,note,item,user\n" + "".join(f"{t},x,{i},{u}\n" for u, i, t in ROWS[20:]),
    }
    dataset = read(tmp_path / "whole", files, WITH_TIME.replace("a.csv", "log/*.csv"))
    assert _pairs(dataset) == PAIRS
    assert dataset.pairs.sort("time")["item"].to_list() == [item for _, item, _ in ROWS]
    files["log/3.csv"] = "user,product,time\nu,1,2\n"
    with pytest.raises(DatasetError, match=r"log/3\.csv: no column 'item'; it has user, product, time"):
        read(tmp_path / "missing", files, WITH_TIME.replace("a.csv", "log/*.csv"))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_folders_may_name_columns(ending: str, tmp_path: Path) -> None:
    files: dict[str, File] = {}
    for number, shop in enumerate(("north", "south")):
        rows = ROWS[number * 20 : number * 20 + 20]
        frame = pl.DataFrame(rows, ["user", "item", "time"], orient="row")
        name = f"log/shop={shop}/year=2023/part.{ending}"
        files[name] = frame if ending == "parquet" else _csv(rows=rows)
    toml = WITH_TIME.replace("a.csv", "log")
    assert _pairs(read(tmp_path / "all", files, toml)) == PAIRS
    south = read(tmp_path / "south", files, toml + "where = \"shop = 'south' AND year = 2023\"\n")
    assert _pairs(south) == sorted((user, item) for user, item, _ in ROWS[20:])


def test_lines_before_the_header_and_comments_are_no_rows(tmp_path: Path) -> None:
    body = _csv().replace("u1,001", "# a note, with, too, many, fields\nu1,001")
    text = 'Report of "all" shops, 2023, and, more\n\n' + body
    dataset = read(tmp_path, {"a.csv": text}, WITH_TIME + 'skip_rows = 2\ncomment = "#"\n')
    assert _pairs(dataset) == PAIRS
    assert dataset.stats.dropped == {}


def test_exports_written_one_behind_the_other_repeat_the_header(tmp_path: Path) -> None:
    dataset = read(tmp_path, {"a.csv": _csv(rows=ROWS[:20]) + _csv(rows=ROWS[20:])}, WITH_TIME)
    assert _pairs(dataset) == PAIRS
    assert dataset.stats.dropped == {"repeating the header": 1}


def test_ids_of_json_are_text_from_the_first_line(tmp_path: Path) -> None:
    """Numbers, then strings behind any sample; keys that come late; the same id in both spellings."""
    early: list[dict[str, object]] = [{"user": n % 9, "item": 12 + n % 3} for n in range(11_000)]
    late: list[dict[str, object]] = [
        {"item": "SKU-1", "user": "ann", "kind": "buy"},
        {"user": "bob", "item": "12"},
    ]
    toml = USER_AND_ITEM.replace("a.csv", "a.ndjson")
    dataset = read(tmp_path / "all", {"a.ndjson": _ndjson(early + late)}, toml)
    assert set(dataset.pairs["item"]) == {"12", "13", "14", "SKU-1"}
    assert dataset.pairs.filter(user="bob")["item"].to_list() == ["12"]
    assert dataset.stats.rows_kept == 11_002
    by_kind = toml + 'event = "kind"\nevent_weights = { buy = 2 }\n'
    bought = read(tmp_path / "late", {"a.ndjson": _ndjson(early + late)}, by_kind)
    assert bought.pairs.select("user", "item", "weight").rows() == [("ann", "SKU-1", 2.0)]


def test_odd_keys_and_lists_of_json(tmp_path: Path) -> None:
    objects = [{"user id": "u", "i'd": n, "tags.all": [f"t{n}", "both"], "time": None} for n in range(5)]
    toml = (
        USER_AND_ITEM.replace("a.csv", "a.ndjson").replace('"user"', '"user id"').replace('"item"', '"i\'d"')
        + '[items]\npath = "a.ndjson"\nid = "i\'d"\ncategories = "tags.all"\n'
    )
    dataset = read(tmp_path, {"a.ndjson": _ndjson(objects)}, toml)  # type: ignore[arg-type]
    assert dataset.pairs["item"].to_list() == ["0", "1", "2", "3", "4"]
    assert dataset.items["categories"].to_list() == [[f"t{n}", "both"] for n in range(5)]


def test_an_object_of_json_is_no_id(tmp_path: Path) -> None:
    objects: list[dict[str, object]] = [{"user": "u", "item": {"id": n}} for n in range(5)]
    with pytest.raises(DatasetError, match="column 'item' holds values of the type Struct"):
        read(tmp_path, {"a.ndjson": _ndjson(objects)}, USER_AND_ITEM.replace("a.csv", "a.ndjson"))


CUT = '{"user": "anna.smith@example.com", "item": "0\n'
MANY = [(f"u{n % 30}", f"{n:03d}", 1_700_000_000 + n) for n in range(300)]


@pytest.mark.parametrize(
    ("name", "lines", "bad", "fault"),
    [
        ("a.ndjson", _ndjson(_json(MANY)), CUT, "no complete JSON object"),
        ("a.csv", _csv(rows=MANY), "anna.smith@example.com,1,2,3\n", "4 fields, but 3 columns"),
        ("a.csv", _csv(rows=MANY), 'anna.smith@example.com,5" pipe,1\n', "a quote within a cell"),
        ("a.csv", _csv(rows=MANY), 'anna.smith@example.com,"never ends,1\n', "a quote within a cell"),
        ("a.dat", _csv("::", MANY), "anna.smith@example.com::1::2::3\n", "4 fields, but 3 columns"),
    ],
)
def test_a_few_bad_lines_are_left_out_and_counted_many_are_refused(
    name: str, lines: str, bad: str, fault: str, tmp_path: Path
) -> None:
    toml = WITH_TIME.replace("a.csv", name) + ('separator = "::"\n' if name == "a.dat" else "")
    at = lines.index("\n", len(lines) // 2) + 1
    dataset = read(tmp_path / "few", {name: lines[:at] + bad + lines[at:]}, toml)
    assert _pairs(dataset) == sorted((user, item) for user, item, _ in MANY)
    assert dataset.stats.dropped == {REASON: 1}
    assert dataset.stats.rows_read == 301
    with pytest.raises(DatasetError) as refused:
        read(tmp_path / "many", {name: lines[:at] + bad * 5 + lines[at:]}, toml)
    message = str(refused.value)
    number = lines[:at].count("\n") + 1
    assert f"{name}, line {number}: {fault}" in message
    assert "5 of 30" in message
    assert "anna.smith" not in message
    assert "a…m, 22 characters" in message


def test_quoted_cells_may_hold_separators_quotes_and_lines(tmp_path: Path) -> None:
    cells = ['"a, b"', '"said ""no, never"""', '"two\nlines, one row"', '""', "plain", '","']
    lines = [f"{user},{cells[n % 6]},{item}" for n, (user, item, _) in enumerate(ROWS)]
    text = "user,note,item\n" + "\n".join(lines) + "\n"
    dataset = read(tmp_path, {"a.csv": text}, USER_AND_ITEM)
    assert _pairs(dataset) == PAIRS
    assert dataset.stats.dropped == {}
    # And beside a line that is bad.
    more = read(tmp_path / "bad", {"a.csv": text + "u,x,1,2\n" + text.split("\n", 1)[1] * 3}, USER_AND_ITEM)
    assert _pairs(more) == PAIRS
    assert more.stats.dropped == {REASON: 1}


def test_fewer_names_than_fields_are_refused(tmp_path: Path) -> None:
    text = _csv().split("\n", 1)[1]
    toml = USER_AND_ITEM + 'columns = ["user", "item"]\n'
    with pytest.raises(DatasetError, match=r"line 1: 3 fields, but 2 columns .* set separator or columns"):
        read(tmp_path, {"a.csv": text}, toml)


COMPRESSIONS: list[Callable[[str], bytes]] = [
    lambda text: gzip.compress(text.encode()),
    lambda text: zstandard.compress(text.encode()),
    lambda text: _zip(a_csv=text),
]


@pytest.mark.parametrize("compress", COMPRESSIONS)
def test_a_compressed_file_cut_short_is_named(compress: Callable[[str], bytes], tmp_path: Path) -> None:
    whole = compress(_csv(rows=[(f"u{n}", f"{n * 7919 % 10_007}", n) for n in range(5_000)]))
    with pytest.raises(DatasetError, match=r"a\.csv: .*"):
        read(tmp_path, {"a.csv": whole[: len(whole) // 2]}, USER_AND_ITEM)


def test_an_archive_without_data_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"a\.zip: an archive without any data file"):
        read(tmp_path, {"a.zip": _zip(readme_md="x")}, USER_AND_ITEM.replace("a.csv", "a.zip"))
