"""Interactions: the same pairs from every format, and counts of every row."""

import gzip
import json
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.dataset import InputStats, read_dataset
from hybrid_recs.offline.data.order import Order
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.types import MAX_ID_LENGTH
from tests.conftest import real_data
from tests.offline.builders import USER_AND_ITEM, WITH_TIME, File, read, write
from tests.paths import ROOT

LITTLE = [
    (" 007 ", "0012", 1_300_000_300, 2.0),
    ("007", "0001", 1_300_000_200, 1.0),
    ("anna", " 0012", 1_300_000_100, 0.5),
    ("007", "0012", 1_300_000_900, 3.5),
    ("Zoë", "10", 1_300_000_000, 1.0),
]
LITTLE_PAIRS = [
    ("007", "0001", 1_300_000_200.0, 1.0),
    ("007", "0012", 1_300_000_900.0, 5.5),
    ("Zoë", "10", 1_300_000_000.0, 1.0),
    ("anna", "0012", 1_300_000_100.0, 0.5),
]
COLUMNS = ("user", "item", "time", "weight")


def _lines(separator: str, header: bool) -> str:
    lines = [separator.join(str(cell) for cell in row) for row in LITTLE]
    return "\n".join(([separator.join(COLUMNS)] if header else []) + lines) + "\n"


def _ndjson() -> str:
    return "".join(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n" for row in LITTLE)


AS_LIST = 'columns = ["user", "item", "time", "weight"]\n'
FORMATS: dict[str, tuple[str, File, str]] = {
    "csv": ("a.csv", _lines(",", True), ""),
    "csv without a header": ("a.csv", _lines(",", False), AS_LIST),
    "csv by another ending": ("a.log", _lines(";", True), 'format = "csv"\nseparator = ";"\n'),
    "csv with a byte order mark": ("a.csv", "\ufeff" + _lines(",", True).replace("\n", "\r\n"), ""),
    "tsv": ("a.tsv", _lines("\t", True), ""),
    "tab in a .txt": ("a.txt", _lines("\t", True), 'separator = "\\t"\n'),
    "two colons with columns": ("a.dat", _lines("::", False), 'separator = "::"\n' + AS_LIST),
    "two colons with a header": ("a.dat", _lines("::", True), 'separator = "::"\n'),
    "ndjson": ("a.ndjson", _ndjson(), ""),
    "json lines": ("a.jsonl", _ndjson(), ""),
    "parquet": ("a.parquet", pl.DataFrame(LITTLE, schema=list(COLUMNS), orient="row"), ""),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_pairs(name: str, tmp_path: Path) -> None:
    file, content, more = FORMATS[name]
    toml = "strip = true\n" + WITH_TIME.replace("a.csv", file) + 'weight = "weight"\n' + more
    dataset = read(tmp_path, {file: content}, toml)
    assert dataset.pairs.select(COLUMNS).rows() == LITTLE_PAIRS
    assert dataset.stats == InputStats(
        rows_read=5,
        rows_kept=5,
        users=3,
        items=3,
        pairs=4,
        first_time=1_300_000_000.0,
        last_time=1_300_000_900.0,
        order=Order("time"),
    )
    assert dataset.timed
    assert dataset.ordered


def test_files_with_header_lines_of_their_own(tmp_path: Path) -> None:
    for separator, name in (("::", "dat"), (",", "csv")):
        files: dict[str, File] = {
            f"{n}.{name}": f"user{separator}item\nu{n}{separator}{n}\n" for n in (2, 1, 3)
        }
        toml = USER_AND_ITEM.replace("a.csv", f"*.{name}") + f'separator = "{separator}"\n'
        dataset = read(tmp_path, files, toml)
        assert dataset.pairs.select("user", "item", "order").rows() == [
            ("u1", "1", 0), ("u2", "2", 1), ("u3", "3", 2)
        ]  # fmt: skip


def test_first_user_column_that_is_not_null_wins(tmp_path: Path) -> None:
    text = "customer,invoice,item\nc1,i1,a\n,i2,b\n  ,i3,c\n,,d\n"
    toml = USER_AND_ITEM.replace('"user"', '["customer", "invoice"]')
    dataset = read(tmp_path, {"a.csv": text}, toml)
    assert dataset.pairs.select("user", "item").rows() == [("c1", "a"), ("i2", "b"), ("i3", "c")]
    assert dataset.stats.dropped == {"without a user": 1}


def test_numbers_as_ids_become_text(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": [1, 2], "item": [30, None]})
    toml = USER_AND_ITEM.replace("a.csv", "a.parquet")
    dataset = read(tmp_path, {"a.parquet": frame}, toml)
    assert dataset.pairs.select("user", "item").rows() == [("1", "30")]
    assert dataset.stats.dropped == {"without an item": 1}


def test_event_types_weigh_and_others_are_dropped_and_counted(tmp_path: Path) -> None:
    text = "user,item,type\nu,a,view\nu,a,buy\nu,b,cart\nu,c,scroll\nu,d,\nu,e,scroll\n"
    toml = USER_AND_ITEM + 'event = "type"\nevent_weights = { view = 1, cart = 2.5, buy = 5 }\n'
    dataset = read(tmp_path, {"a.csv": text}, toml)
    assert dataset.pairs.select("item", "weight").rows() == [("a", 6.0), ("b", 2.5)]
    assert dataset.stats.dropped == {"of another event type": 3}


def test_each_reason_to_drop_a_row_is_counted(tmp_path: Path) -> None:
    longest = "x" * MAX_ID_LENGTH
    rows = [
        *["u,a,1,5,yes", f"u,{longest},2,5,yes"],  # kept
        *["u,a,1,5,no", ",,,,no"],
        *[",a,1,5,yes", "  ,a,1,5,yes", ",,x,0,yes"],
        "u, ,1,5,yes",
        *[f"u,{longest}x,1,5,yes"] * 4,
        *["u,a,tomorrow,5,yes", "u,a,,5,yes", "u,a,inf,5,yes", "u,a,nan,5,yes", "u,a,?,0,yes"],
        *["u,a,1,0,yes", "u,a,1,-2,yes", "u,a,1,,yes", "u,a,1,many,yes", "u,a,1,inf,yes", "u,a,1,nan,yes"],
        *["u,a,3,5,yes"] * 10,  # kept; most times must be readable for the column to be one
    ]
    toml = WITH_TIME + 'weight = "n"\nwhere = "good = \'yes\'"\n'
    stats = read(tmp_path, {"a.csv": "user,item,time,n,good\n" + "\n".join(rows)}, toml).stats
    assert stats.dropped == {
        "not matching where": 2,
        "without a user": 3,
        "without an item": 1,
        "with an item id over 256 characters": 4,
        "without a time": 2,
        "without a readable time": 3,
        "without a weight": 2,
        "without a readable weight": 2,
        "without a positive weight": 2,
    }
    assert list(stats.dropped.values()) == sorted(stats.dropped.values(), reverse=True)
    assert stats.rows_kept == 12
    assert stats.rows_read == len(rows) == stats.rows_kept + sum(stats.dropped.values())


CELLS = st.tuples(
    st.sampled_from(["u1", "u2", " u1 ", "", "  "]),
    st.sampled_from(["1", "01", "two", "", " ", "y" * 257, "y" * 256]),
    st.sampled_from(["5", "6.5", "", "soon", "1e999"]),
    st.sampled_from(["1", "0.5", "0", "-1", "", "NaN", "lots"]),
)


def _reason(user: str, item: str, time: str, weight: str) -> str | None:
    if not user.strip():
        return "without a user"
    if not item.strip():
        return "without an item"
    if len(item) > 256:
        return "with an item id over 256 characters"
    if time not in ("5", "6.5"):
        return "without a readable time" if time else "without a time"
    if weight in ("0", "-1"):
        return "without a positive weight"
    if weight == "lots":
        return "without a readable weight"
    return None if weight in ("1", "0.5") else "without a weight"


@settings(max_examples=40, derandomize=True, deadline=None, database=None)
@given(rows=st.lists(CELLS, max_size=40))
def test_the_account_adds_up_on_dirty_rows(
    rows: list[tuple[str, str, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Enough clean rows before them that the time column is taken for numbers.
    rows = [("clean", str(n), "5", "1") for n in range(60)] + rows
    text = "user,item,time,n\n" + "".join(",".join(row) + "\n" for row in rows)
    dataset = read(tmp_path_factory.mktemp("dirty"), {"a.csv": text}, WITH_TIME + 'weight = "n"\n')
    reasons = [_reason(*row) for row in rows]
    kept = [row for row, reason in zip(rows, reasons, strict=True) if reason is None]
    assert dataset.stats.rows_read == len(rows)
    assert dataset.stats.rows_kept == len(kept)
    assert dataset.stats.dropped == {why: reasons.count(why) for why in reasons if why}
    sums: dict[tuple[str, str], float] = {}
    for user, item, _, weight in kept:
        pair = user, item
        sums[pair] = sums.get(pair, 0) + float(weight)
    actual = {(user, item): weight for user, item, weight in dataset.pairs["user", "item", "weight"].rows()}
    assert actual == sums


def test_long_histories_keep_their_latest_items(tmp_path: Path) -> None:
    rows = [f"long,{n},{t}" for n, t in enumerate((60, 10, 50, 20, 40, 30))]
    rows += [f"fits,{n},{n}" for n in range(3)] + ["other,1,1"]
    text = "user,item,time\n" + "\n".join(rows)
    dataset = read(tmp_path, {"a.csv": text}, WITH_TIME, max_history=3)
    assert dataset.pairs.filter(user="long")["item"].to_list() == ["4", "2", "0"]
    assert dataset.pairs.filter(user="fits")["item"].to_list() == ["0", "1", "2"]
    assert dataset.stats.users_capped == 1
    assert (len(dataset.pairs), dataset.stats.pairs, dataset.stats.rows_kept) == (7, 10, 10)


@pytest.mark.parametrize(
    ("files", "more", "message"),
    [
        ({"a.csv": "user,itm\nu,1\n"}, "", "a.csv: no column 'item'; it has user, itm"),
        ({"a.csv": "user,item\nu,1\n"}, 'weight = "n"\n', "a.csv: no column 'n'; it has user, item"),
        ({"a.csv": "user,item\nu,1\n"}, "where = 'n > 0'\n", "a.csv: no column 'n'; it has "),
        ({"a.csv": "user,item\nu,1\n"}, "where = 'item >'\n", "where: not valid SQL"),
        (
            {"a.csv": "user,item\nu,\n,1\n,\n"},
            "",
            "a.csv: no interaction is left of 3 rows (2 without a user, 1 without an item)",
        ),
        ({"a.csv": "user,item\n"}, "", "a.csv: no interaction is left of 0 rows (the files hold no rows)"),
        ({"a.csv": ""}, "", "a.csv: it is empty"),
        ({"a.csv": "junk"}, 'format = "parquet"\n', "a.csv: cannot be read as parquet"),
        ({"a.csv": '{"user": "u", "it\n'}, 'format = "ndjson"\n', "a.csv, line 1: no complete JSON object ("),
        (
            {"a.csv": "user,item,time\nu,1,Monday\n"},
            'time = "time"\n',
            "a.csv: the time column 'time' cannot be read; it holds 'Monday': give ISO dates",
        ),
    ],
)
def test_what_cannot_be_used_is_one_clear_error(
    files: dict[str, File], more: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match=re.escape(message)):
        read(tmp_path, files, USER_AND_ITEM + more)


def test_a_file_cut_short_is_an_error_of_ours(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": ["u"] * 5_000, "item": [str(n) for n in range(5_000)]})
    path = write(tmp_path, {"a.parquet": frame}, USER_AND_ITEM.replace("a.csv", "*.parquet"))
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match="parquet"):
        read_dataset(DatasetConfig.load(path), 5_000)


def test_lines_with_too_many_fields_are_refused(tmp_path: Path) -> None:
    rows = "u,Bench,1\nv,Bench, red,2\nw,Rake,3\n"
    with pytest.raises(DatasetError, match=r"a\.csv, line 3: 4 fields, but 3 columns \('….*, red,2'"):
        read(tmp_path / "ragged", {"a.csv": f"user,title,item\n{rows}"}, USER_AND_ITEM)
    quoted = rows.replace("Bench, red", '"Bench, red"')
    dataset = read(tmp_path / "quoted", {"a.csv": f"user,title,item\n{quoted}"}, USER_AND_ITEM)
    assert dataset.pairs["item"].to_list() == ["1", "2", "3"]


def test_lines_with_too_few_fields_are_dropped_and_counted(tmp_path: Path) -> None:
    dataset = read(tmp_path, {"a.csv": "user,item,n\nu,1,2\nv\n\nw,3\n"}, USER_AND_ITEM)
    assert dataset.pairs.select("user", "item").rows() == [("u", "1"), ("w", "3")]
    assert dataset.stats.dropped == {"without a user": 1, "without an item": 1}


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_a_file_in_another_encoding_is_refused_or_read_as_said(ending: str, tmp_path: Path) -> None:
    toml = USER_AND_ITEM.replace("a.csv", f"a.{ending}")
    content = "user,item\nu,Süd\nv,Sød\nw,Såd\n".encode("latin-1")
    files = {f"a.{ending}": gzip.compress(content) if ending.endswith("gz") else content}
    with pytest.raises(DatasetError, match=r"a\.csv.*, line 2: b'\\xfc' is not utf-8; .*encoding = "):
        read(tmp_path / "unsaid", files, toml)
    dataset = read(tmp_path / "said", files, toml + 'encoding = "latin-1"\n')
    assert dataset.pairs["item"].to_list() == ["Süd", "Sød", "Såd"]


def test_a_lone_quote_is_refused_or_an_ordinary_character(tmp_path: Path) -> None:
    lines = [f"u{n},{n},{'pot 20' + chr(34) if n in (3, 7) else 'plain'}" for n in range(12)]
    files = {"a.csv": "user,item,note\n" + "\n".join(lines) + "\n"}
    with pytest.raises(DatasetError, match=r"a\.csv, line 5: a quote within a cell .*set quote = \"\""):
        read(tmp_path / "unsaid", files, USER_AND_ITEM)
    dataset = read(tmp_path / "said", files, USER_AND_ITEM + 'quote = ""\n')
    assert set(dataset.pairs["item"]) == {str(n) for n in range(12)}


def test_compressed_files_of_a_folder_are_read_too(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "m/1.csv": "user,item\nu,1\n",
        "m/2.csv.gz": gzip.compress(b"user,item\nv,2\n"),
    }
    dataset = read(tmp_path, {**files}, USER_AND_ITEM.replace("a.csv", "m"))
    assert dataset.pairs["item"].to_list() == ["1", "2"]


def test_online_retail_is_accounted_for(examples: Path) -> None:
    folder = real_data("online-retail").parent
    dataset = read_dataset(DatasetConfig.load(examples / "online-retail.toml", folder), 5_000)
    assert dataset.stats.rows_read == 541_909
    assert dataset.stats.rows_kept == 530_104
    assert dataset.stats.dropped == {"not matching where": 541_909 - 530_104}
    assert dataset.ordered


def test_movietweetings_ids_keep_their_leading_zeros(examples: Path) -> None:
    folder = real_data("movietweetings").parent
    dataset = read_dataset(DatasetConfig.load(examples / "movietweetings.toml", folder), 5_000)
    assert dataset.stats.rows_read == 141_695
    assert dataset.pairs["item"].str.len_chars().unique().to_list() == [7]
    assert dataset.pairs["item"].str.starts_with("0").any()


@pytest.fixture
def examples() -> Path:
    return ROOT / "examples"


def test_several_tables_are_read_one_after_the_other(tmp_path: Path) -> None:
    """A shop's history and the archive of events: each with columns of its own."""
    toml = (
        '[[interactions]]\npath = "orders.csv"\nuser = "who"\nitem = "what"\ntime = "at"\n'
        '[[interactions]]\npath = "events/"\nuser = ["user_id", "session_id"]\nitem = "item_id"\n'
        'time = "time"\nevent = "type"\nevent_weights = { view = 1, cart = 3 }\noptional = true\n'
    )
    orders = "who,what,at\nanna,1,1300000000\nanna,2,1300000100\n,3,1300000100\n"
    alone = read(tmp_path / "alone", {"orders.csv": orders}, toml)
    assert alone.pairs.select("user", "item").rows() == [("anna", "1"), ("anna", "2")]
    events = pl.DataFrame(
        [
            ("anna", None, "2", 1_300_000_300.0, "cart"),
            ("anna", "s1", "4", 1_300_000_300.0, "view"),
            (None, "s2", "1", 1_300_000_200.0, "view"),
            (None, "s2", "1", 1_300_000_250.0, "wave"),
        ],
        schema=["user_id", "session_id", "item_id", "time", "type"],
        orient="row",
    )
    files: dict[str, File] = {"orders.csv": orders, "events/day=2011-03-13/1-0-4-0.parquet": events}
    both = read(tmp_path / "both", files, toml)
    assert both.pairs.select("user", "item", "time", "weight").rows() == [
        ("anna", "1", 1_300_000_000.0, 1.0),
        ("anna", "2", 1_300_000_300.0, 4.0),
        ("anna", "4", 1_300_000_300.0, 1.0),
        ("s2", "1", 1_300_000_200.0, 1.0),
    ]
    assert both.stats.rows_read == 7
    assert both.stats.dropped == {"without a user": 1, "of another event type": 1}


def test_times_are_for_all_tables_or_none(tmp_path: Path) -> None:
    toml = (
        '[[interactions]]\npath = "a.csv"\nuser = "user"\nitem = "item"\ntime = "time"\n'
        '[[interactions]]\npath = "b.csv"\nuser = "user"\nitem = "item"\n'
    )
    with pytest.raises(DatasetError, match="a time is needed in all interactions tables or in none"):
        read(tmp_path, {"a.csv": "user,item,time\n", "b.csv": "user,item\n"}, toml)


def test_no_table_with_files_is_an_error(tmp_path: Path) -> None:
    toml = '[interactions]\npath = "events/"\nuser = "user"\nitem = "item"\noptional = true\n'
    with pytest.raises(DatasetError, match="no interactions table has files yet"):
        read(tmp_path, {}, toml)
