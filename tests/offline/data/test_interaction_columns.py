"""Interactions: times in every form, the condition, and whether the order means something."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest

from hybrid_recs.errors import DatasetError
from tests.offline.builders import USER_AND_ITEM, WITH_TIME, read

MOMENT = datetime(2010, 12, 1, 8, 26)
SECONDS = 1_291_191_960.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2010-12-01 08:26:00", SECONDS),
        ("2010-12-01 08:26:00.25", SECONDS + 0.25),
        ("2010-12-01T08:26:00", SECONDS),
        ("2010-12-01T08:26:00.25", SECONDS + 0.25),
        ("2010-12-01 08:26", SECONDS),
        ("2010-12-01T08:26", SECONDS),
        ("2010-12-01 09:26+01:00", SECONDS),
        ("2010-12-01", SECONDS - (8 * 60 + 26) * 60),
        ("2010-12-01T08:26:00Z", SECONDS),
        ("2010-12-01 08:26:00 UTC", SECONDS),
        ("2010-12-01 08:26 UTC", SECONDS),
        ("20101201", SECONDS - 8 * 3600 - 26 * 60),
        ("2010-12-01T09:26:00+01:00", SECONDS),
        ("2010-12-01T02:56:00.5-05:30", SECONDS + 0.5),
        ("2010-12-01 09:26:00+01:00", SECONDS),
        ("1291191960", SECONDS),
        ("1291191960.25", SECONDS + 0.25),
        ("1.29119196e9", SECONDS),
        ("1291191960000", SECONDS),
        ("1291191960250", SECONDS + 0.25),
        ("0", 0.0),
        ("-86400", -86_400.0),
    ],
)
def test_times_in_text_become_seconds(text: str, seconds: float, tmp_path: Path) -> None:
    dataset = read(tmp_path, {"a.csv": f"user,item,time\nu,1,{text}\n"}, WITH_TIME)
    assert dataset.pairs["time"].to_list() == [seconds]
    assert (dataset.stats.first_time, dataset.stats.last_time) == (seconds, seconds)


def test_one_column_may_mix_forms_of_iso_text(tmp_path: Path) -> None:
    times = ["2010-12-01 08:26", "2010-12-01T08:26:01", "2010-12-01T09:26:02+01:00", "08:26", ""]
    text = "user,item,time\n" + "".join(f"u,{n},{time}\n" for n, time in enumerate(times))
    dataset = read(tmp_path, {"a.csv": text}, WITH_TIME)
    assert dataset.pairs["time"].to_list() == [SECONDS, SECONDS + 1, SECONDS + 2]
    assert dataset.stats.dropped == {"without a readable time": 1, "without a time": 1}


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([MOMENT], dtype=pl.Datetime("us")),
        pl.Series([MOMENT], dtype=pl.Datetime("ms")),
        pl.Series([MOMENT], dtype=pl.Datetime("ns")),
        pl.Series([MOMENT.replace(tzinfo=UTC)]).dt.convert_time_zone("Asia/Tokyo"),
        pl.Series([MOMENT.replace(tzinfo=timezone(timedelta(0)))]),
        pl.Series([int(SECONDS)]),
        pl.Series([int(SECONDS) * 1000]),
        pl.Series([SECONDS]),
        pl.Series(["2010-12-01T08:26:00Z"]),
    ],
    ids=str,
)
def test_times_in_parquet_become_the_same_seconds(column: pl.Series, tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": ["u"], "item": ["1"], "time": column})
    dataset = read(tmp_path, {"a.parquet": frame}, WITH_TIME.replace("a.csv", "a.parquet"))
    assert dataset.pairs["time"].to_list() == [SECONDS]


def test_dates_in_parquet_are_midnight(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": ["u"], "item": ["1"], "time": [date(1970, 1, 3)]})
    dataset = read(tmp_path, {"a.parquet": frame}, WITH_TIME.replace("a.csv", "a.parquet"))
    assert dataset.pairs["time"].to_list() == [2 * 86_400.0]


CLAUSES = {
    "n > 9": ["b", "d"],  # as text, "10" and "100" would be below "9"
    "n >= 10 AND place = 'home'": ["b"],
    "place <> 'home'": ["c", "d"],
    "place LIKE 'h%' OR n = 100": ["a", "b", "d"],
    "n IS NOT NULL": ["a", "b", "c", "d"],
    "\"user\" = 'v'": ["c", "d"],
    "what IN ('a', 'd')": ["a", "d"],
    "time > 20": ["c", "d"],
    "item = 'pen'": ["a", "c"],
    '"order" = 3': ["c"],
    "weight * 2 = 4": ["b"],
    "n > 5 AND n < 100": ["a", "b"],
    "n <> '10' AND weight > 1": ["c", "d"],  # digits compared as text, another column as numbers
    "n NOT LIKE '10%'": ["a", "c"],
}


@pytest.mark.parametrize("where", CLAUSES)
def test_where_sees_the_columns_of_the_data(where: str, tmp_path: Path) -> None:
    # Columns that are called as ours are, and mean something else.
    text = (
        "user,what,n,place,time,item,order,weight\n"
        "u,a,9,home,10,pen,1,1\nu,b,10,home,20,ink,2,2\nv,c,5,shop,30,pen,3,3\nv,d,100,shop,40,ink,4,4\n"
    )
    toml = USER_AND_ITEM.replace('"item"', '"what"') + f"where = '''{where}'''\n"
    dataset = read(tmp_path, {"a.csv": text}, toml)
    assert dataset.pairs["item"].to_list() == CLAUSES[where]
    assert dataset.pairs["time"].null_count() == len(dataset.pairs)
    assert dataset.pairs["weight"].to_list() == [1.0] * len(dataset.pairs)
    dropped = 4 - len(CLAUSES[where])
    assert dataset.stats.dropped == ({"not matching where": dropped} if dropped else {})


def test_what_is_no_condition_over_many_columns_is_refused_in_the_end(tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(24)]  # 2²⁴ ways of taking them as numbers or as text
    text = ",".join(["user", "item", *names]) + "\n" + ",".join(["u", "a", *"1" * 24]) + "\n"
    where = " + ".join(names)
    with pytest.raises(DatasetError, match=r"cannot be run \(it is not a condition\)"):
        read(tmp_path, {"a.csv": text}, USER_AND_ITEM + f'where = "{where}"\n')


def test_where_on_an_id_leaves_the_id_as_it_was(tmp_path: Path) -> None:
    text = "user,item\nu,007\nu,0012\nv,0009\n"
    dataset = read(tmp_path, {"a.csv": text}, USER_AND_ITEM + 'where = "item > 8"\n')
    assert dataset.pairs["item"].to_list() == ["0012", "0009"]


def test_rows_whose_condition_is_unknown_are_dropped(tmp_path: Path) -> None:
    text = "user,item,n\nu,a,1\nu,b,\nu,c,2\n"
    dataset = read(tmp_path, {"a.csv": text}, USER_AND_ITEM + 'where = "n < 5"\n')
    assert dataset.pairs["item"].to_list() == ["a", "c"]
    assert dataset.stats.dropped == {"not matching where": 1}


def test_a_repeated_pair_has_the_order_of_its_last_row(tmp_path: Path) -> None:
    text = "user,item,time\nu,a,1\nu,b,2\nu,c,3\nu,a,4\n"
    for toml in (USER_AND_ITEM, WITH_TIME):
        dataset = read(tmp_path, {"a.csv": text}, toml)
        assert dataset.pairs["item"].to_list() == ["b", "c", "a"]


def test_times_out_of_all_proportion_are_dropped(tmp_path: Path) -> None:
    text = "user,item,time\nu,a,1291191960\nu,b,9000000000000000\nu,c,1291191961\n"
    dataset = read(tmp_path, {"a.csv": text}, WITH_TIME)
    assert dataset.pairs["item"].to_list() == ["a", "c"]
    assert dataset.stats.dropped == {"without a readable time": 1}


def test_where_that_is_no_condition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"where: 'n \+ 1' cannot be run \(it is not a condition\)"):
        read(tmp_path, {"a.csv": "user,item,n\nu,a,1\nu,b,2\n"}, USER_AND_ITEM + 'where = "n + 1"\n')
