"""Files of every kind that people export, clean and not: the same rows, or an error that names the file."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
import zstandard

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.check.passed_over import passed_over
from hybrid_recs.offline.data.dataset import Dataset
from hybrid_recs.offline.sources.bad_lines import REASON
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from tests.offline.builders import USER_AND_ITEM, WITH_TIME, File, read, write

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
            archive.writestr(name if name.startswith("_") else name.replace("_", "."), text)
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
    "a.csv.bz2": bz2.compress(_csv().encode()),
    "a.csv.xz": lzma.compress(_csv().encode()),
    "A.CSV": _csv(),
    "A.TSV.GZ": gzip.compress(_csv("\t").encode()),
    "mac.zip": _zip(a_CSV=_csv(), **{"__MACOSX/._a.csv": "no,data\n"}),
    "one.zip": _zip(log=_csv()),
    "export [1].csv": _csv(),
    "old-mac.csv": _csv().replace("\n", "\r"),
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
    "arrow.csv": _arrow(),
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
    kind = 'format = "csv"\n' if name == "one.zip" else ""
    dataset = read(tmp_path, {name: FILES[name]}, WITH_TIME.replace("a.csv", name) + kind)
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
    if encoding == "utf-16-le":
        with pytest.raises(DatasetError, match=r'it is not utf-8; set encoding = "utf-16-le"'):
            read(tmp_path / "unsaid", {"a.csv": text.encode(encoding)}, USER_AND_ITEM)


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ([b"u,1,2023-11-15,caf\xe9"], 0),
        ([b"u\xe9,1,2023-11-15,note"], 0),
        # The two bytes of a letter in two cells, in two rows of a column, and in two lines.
        ([b"u\xc3,\xa91,2023-11-15,note"], 0),
        ([b"u\xc3,1,2023-11-15,note", b"\xa9u,1,2023-11-15,note"], 0),
        ([b"u,1,2023-11-15,note", b"u,1,2023-11-15,note\xc3", b"\xa9u,1,2023-11-15,note"], 1),
    ],
)
def test_bytes_in_another_encoding_are_refused_wherever_they_are(
    lines: list[bytes], place: int, quoted: bool, tmp_path: Path
) -> None:
    good = [b"u%d,%d,2023-11-15,%s" % (n % 9, n, b'"note"' if quoted else b"note") for n in range(4_000)]
    text = b"\n".join([b"user,item,time,note", *good, *lines, *good]) + b"\n"
    message = rf"a\.csv, line {4_002 + place}: b'\\x[ec][93]' is not utf-8; say"
    with pytest.raises(DatasetError, match=message):
        read(tmp_path, {"a.csv": text}, WITH_TIME)


def test_all_files_of_a_folder_are_read_whatever_they_are(tmp_path: Path) -> None:
    files: dict[str, File] = {
        "log/1.csv": _csv(rows=ROWS[:10]),
        "log/2.csv.gz": gzip.compress(_csv(rows=ROWS[10:20]).encode()),
        "log/3.ndjson": _ndjson(_json(ROWS[20:30])),
        "log/4.zip": _zip(a_csv=_csv(rows=ROWS[30:])),
        "log/5-empty.csv": "",
        "log/6-empty.csv.gz": gzip.compress(b"\n"),
        "log/7-empty.json": "[]",
        "log/8.tsv": _csv("\t", rows=ROWS[:2]),
        "log/.hidden.csv": "not,this\n",
        "log/_SUCCESS.csv": "nor,this\n",
    }
    assert _pairs(read(tmp_path, files, WITH_TIME.replace("a.csv", "log"))) == PAIRS


def test_a_file_and_its_compressed_copy_are_refused(tmp_path: Path) -> None:
    files: dict[str, File] = {"log/1.csv": _csv(), "log/1.csv.gz": gzip.compress(_csv().encode())}
    with pytest.raises(DatasetError, match=r"log/1\.csv and 1\.csv\.gz seem to be the same file twice; .*"):
        read(tmp_path / "both", files, WITH_TIME.replace("a.csv", "log"))
    assert _pairs(read(tmp_path / "one", files, WITH_TIME.replace("a.csv", "log/*.csv.gz"))) == PAIRS


def test_files_without_content_are_said_and_all_such_are_refused(tmp_path: Path) -> None:
    toml = WITH_TIME.replace("a.csv", "log")
    config = DatasetConfig.load(write(tmp_path, {"log/1.csv": "\n", "log/2.csv": _csv()}, toml))
    (said,) = passed_over(config)
    assert said.text == f"1 of the files of log are empty, such as {tmp_path}/log/1.csv"
    with pytest.raises(DatasetError, match=r"log/1\.csv: it is empty, as all others are"):
        read(tmp_path / "none", {"log/1.csv": "", "log/2.csv": "\n"}, toml)


def test_bad_lines_of_the_items_table_are_said_with_users_masked(tmp_path: Path) -> None:
    """The items may stand in the same file as the interactions."""
    text = _csv(rows=ROWS * 3) + "anna.smith@example.com,1,2,3\n"
    toml = WITH_TIME + '[items]\npath = "a.csv"\nid = "item"\n'
    config = DatasetConfig.load(write(tmp_path, {"a.csv": text}, toml))
    (said,) = passed_over(config)
    assert said.text.startswith("1 of 122 lines of the items table are left out: ")
    assert "line 122: 4 fields, but 3 columns ('a…m, 22 characters," in said.text


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


def test_folders_may_spell_values_in_their_own_way(tmp_path: Path) -> None:
    files: dict[str, File] = {
        "log/user=anna%20b/a.csv": "item\n1\n",
        "log/user=__HIVE_DEFAULT_PARTITION__/a.csv": "item\n2\n",
        "log/user=carl/a.zip": _zip(a_csv="item\n3\n"),
    }
    dataset = read(tmp_path, files, USER_AND_ITEM.replace("a.csv", "log"))
    assert _pairs(dataset) == [("anna b", "1"), ("carl", "3")]
    assert dataset.stats.dropped == {"without a user": 1}


HEADERS = [
    ("user;item\n1;2\n", r"no column 'user'; it has user;item; set separator = \";\""),
    ("user, item\n1,2\n", r"no column 'item'; it has user, ' item'"),
    ("sep=;\nuser;item\n1;2\n", r'it has sep=;; set skip_rows = 1 and separator = ";"'),
    ("user,item,item\n1,2,3\n", r"two columns are called 'item'; rename one of them"),
]


@pytest.mark.parametrize(("text", "message"), HEADERS)
def test_a_header_that_is_read_wrong_is_said_with_the_remedy(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        read(tmp_path, {"a.csv": text}, USER_AND_ITEM)


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


NUMBERS = ["12", "12.0", "1.10", "1e5", "123456789012345678901234567890", '"012"', "true"]


@pytest.mark.parametrize("form", ["lines", "array"])
def test_numbers_of_json_are_the_text_they_are_written_as(form: str, tmp_path: Path) -> None:
    objects = [f'{{"user": {n}, "item": {item}, "w": NaN}}' for n, item in enumerate(NUMBERS)]
    text = "\n".join(objects) if form == "lines" else f"[{', '.join(objects)}]"
    dataset = read(tmp_path, {"a.json": text}, USER_AND_ITEM.replace("a.csv", "a.json"))
    assert dataset.pairs["item"].to_list() == [item.strip('"') for item in NUMBERS]
    assert dataset.stats.dropped == {}


def test_keys_that_no_line_of_json_has_are_missing_columns(tmp_path: Path) -> None:
    files: dict[str, File] = {
        "log/1.ndjson": '# exported\n{"user": "u", "item": 1}\n',
        "log/2.ndjson": '{"user": "u", "item": 2, "kind": "buy"}\n',
    }
    toml = USER_AND_ITEM.replace("a.csv", "log") + 'comment = "#"\nevent_weights = { buy = 2 }\n'
    dataset = read(tmp_path / "some", files, toml + 'event = "kind"\n')
    assert dataset.pairs.select("item", "weight").rows() == [("2", 2.0)]
    with pytest.raises(DatasetError, match=r"1\.ndjson: no column 'kid'; it has user, item, kind"):
        read(tmp_path / "none", files, toml + 'event = "kid"\n')


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
    more = USER_AND_ITEM + 'columns = ["user", "item", "time", "note"]\n'
    with pytest.raises(DatasetError, match=r"columns has 4 names, but the first line 3 fields"):
        read(tmp_path, {"a.csv": text}, more)


def test_a_cell_may_hold_any_character(tmp_path: Path) -> None:
    rows = [(user, f"{item}\x01", time) for user, item, time in ROWS]
    assert _pairs(read(tmp_path, {"a.csv": _csv(rows=rows)}, WITH_TIME)) == [
        (u, f"{i}\x01") for u, i in PAIRS
    ]
    toml = WITH_TIME + 'separator = "\\u0001"\n'
    assert _pairs(read(tmp_path / "hive", {"a.csv": _csv("\x01")}, toml)) == PAIRS


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
        read(tmp_path, {"a.zip": _zip(readme_md="x", more_md="y")}, USER_AND_ITEM.replace("a.csv", "a.zip"))


def test_a_folder_that_looks_like_a_pattern(tmp_path: Path) -> None:
    rows = {f"[1]/a?b/part{number}.csv": f"user,item\nu{number},a\nu{number},b\n" for number in range(3)}
    dataset = read(tmp_path, rows, USER_AND_ITEM.replace("a.csv", "[1]/a?b/part*.csv"))
    assert dataset.stats.rows_kept == 6
    assert dataset.pairs["user"].unique().sort().to_list() == ["u0", "u1", "u2"]
