"""Ids, null values and numbers as people export them."""

from pathlib import Path

import polars as pl
import pytest

from hybrid_recs.errors import DatasetError
from tests.offline.builders import USER_AND_ITEM, read

ITEMS = '[items]\npath = "items.csv"\nid = "id"\ntitle = "title"\n'


def _csv(header: str, rows: list[str]) -> str:
    return "\n".join([header, *rows]) + "\n"


@pytest.mark.parametrize("null", ["NULL", "null", "nan", "NaN", "None", r"\N", "(not set)", "<NA>", " NULL "])
def test_what_stands_for_nothing_is_neither_a_person_nor_an_item(null: str, tmp_path: Path) -> None:
    text = _csv("user,item,n", ["u,a,1", f"{null},a,1", f"u,{null},1", f"u,b,{null}"])
    dataset = read(tmp_path, {"a.csv": text}, USER_AND_ITEM + 'weight = "n"\n')
    assert dataset.pairs.select("user", "item").rows() == [("u", "a")]
    assert dataset.stats.dropped == {"without a user": 1, "without an item": 1, "without a weight": 1}


def test_further_null_values_are_named(tmp_path: Path) -> None:
    """All guests of a shop under one number would be one person; with it as null the order is the person."""
    text = _csv("user,item,order", ["0,a,o1", "0,b,o1", "7,a,o2", "0,c,o3", "-1,d,o4"])
    toml = USER_AND_ITEM.replace('user = "user"', 'user = ["user", "order"]')
    assert read(tmp_path / "as-is", {"a.csv": text}, toml).stats.users == 3
    guests = read(tmp_path / "guests", {"a.csv": text}, toml + 'null_values = ["0", "-1"]\n')
    assert sorted(guests.pairs["user"].unique()) == ["7", "o1", "o3", "o4"]


def test_an_id_is_the_users_own_string(tmp_path: Path) -> None:
    text = _csv("user,item", ["u, A ", "u,a", "u,1.0", "u,01"])
    assert sorted(read(tmp_path, {"a.csv": text}, USER_AND_ITEM).pairs["item"]) == [" A ", "01", "1.0", "a"]


@pytest.mark.parametrize(
    ("keys", "items", "users"),
    [
        ("strip = true\n", ["A", "a", "1000"], ["U1 ", "u1"]),
        ('id_case = "lower"\n', [" a ", "a", "1000"], ["u1 ", "u1"]),
        ('id_case = "upper"\nstrip = true\n', ["A", "1000"], ["U1"]),
    ],
)
def test_the_keys_spell_users_and_items(
    keys: str, items: list[str], users: list[str], tmp_path: Path
) -> None:
    text = _csv("user,item", ["U1 , A ", "u1,a", "u1,1000"])
    dataset = read(tmp_path, {"a.csv": text}, keys + USER_AND_ITEM)
    assert set(dataset.pairs["item"]) == set(items)
    assert set(dataset.pairs["user"]) == {user.strip() if "strip" in keys else user for user in users}


@pytest.mark.parametrize("parquet", [False, True])
def test_whole_numbers_lose_their_zero(parquet: bool, tmp_path: Path) -> None:
    log: str | pl.DataFrame = _csv("user,item", ["17850.0,1000.0", "17850.0,1001.0", ",1001.0"])
    if parquet:
        log = pl.DataFrame({"user": [17850.0, 17850.0, None], "item": [1000.0, 1001.0, 1001.0]})
    name = "a.parquet" if parquet else "a.csv"
    toml = "whole_numbers = true\n" + USER_AND_ITEM.replace("a.csv", name) + ITEMS
    dataset = read(tmp_path, {name: log, "items.csv": _csv("id,title", ["1000,Pot", "1001,Pan"])}, toml)
    assert dataset.pairs.select("user", "item").rows() == [("17850", "1000"), ("17850", "1001")]
    assert dataset.items["title"].to_list() == ["Pot", "Pan"]
    assert dataset.stats.dropped == {"without a user": 1}


def test_whole_numbers_among_others_are_refused(tmp_path: Path) -> None:
    text = _csv("user,item", ["u,1.0", "u,1.1"])
    with pytest.raises(DatasetError, match=r"whole_numbers = true, but not every 'item' ends in .0.*'1.1'"):
        read(tmp_path, {"a.csv": text}, "whole_numbers = true\n" + USER_AND_ITEM)


@pytest.mark.parametrize(
    ("log", "table", "keys"),
    [
        ("1000.0", "1000", "whole_numbers = true"),
        ("ab-1", "AB-1", 'id_case = "lower"'),
        (" x1 ", "x1", "strip = true"),
        (" AB ", "ab", 'strip = true and id_case = "lower"'),
    ],
)
def test_a_log_and_a_table_that_do_not_meet_are_refused_with_the_remedy(
    log: str, table: str, keys: str, tmp_path: Path
) -> None:
    text = _csv("user,item", [f"u{n},{log}" for n in range(5)])
    files = {"a.csv": text, "items.csv": _csv("id,title", [f"{table},Pot"])}
    with pytest.raises(DatasetError) as refused:
        read(tmp_path / "refused", files, USER_AND_ITEM + ITEMS)
    assert "items.csv: 0.0% of the 1 items of the interactions are in the items table" in str(refused.value)
    assert f"({log!r} beside {table!r}); they would meet with {keys} above" in str(refused.value)
    read(tmp_path / "read", files, keys.replace(" and ", "\n") + "\n" + USER_AND_ITEM + ITEMS)


def test_ids_of_two_worlds_have_no_spelling(tmp_path: Path) -> None:
    files = {"a.csv": _csv("user,item", ["u,a"]), "items.csv": _csv("id,title", ["b,Pot"])}
    with pytest.raises(DatasetError, match=r"check the columns item and id, or leave \[items\] out"):
        read(tmp_path, files, USER_AND_ITEM + ITEMS)


@pytest.mark.parametrize(
    ("cells", "keys", "weights"),
    [
        (["1,50", "2,5"], 'decimal = ","\n', [1.5, 2.5]),
        (["1.234,50", "2"], 'decimal = ","\nthousands = "."\n', [1234.5, 2.0]),
        (["1,234.5", "12"], 'thousands = ","\n', [1234.5, 12.0]),
        (["1 234", "5"], 'thousands = " "\n', [1234.0, 5.0]),
    ],
)
def test_numbers_in_the_spelling_of_a_country(
    cells: list[str], keys: str, weights: list[float], tmp_path: Path
) -> None:
    text = _csv("user;item;n", [f"u;i{n};{cell}" for n, cell in enumerate(cells)])
    toml = USER_AND_ITEM + 'weight = "n"\nseparator = ";"\n' + keys
    assert read(tmp_path, {"a.csv": text}, toml).pairs["weight"].to_list() == weights
    more = read(tmp_path / "where", {"a.csv": text}, toml + 'where = "n > 2.2"\n')
    assert more.pairs["weight"].to_list() == [weight for weight in weights if weight > 2.2]


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("1,50", 'decimal = ","'),
        ("1,234.50", 'thousands = ","'),
        ("1.234,50", 'decimal = "," and thousands = "."'),
        ("3 pieces", "give numbers"),
    ],
)
def test_weights_that_cannot_be_read_are_refused_with_the_key(cell: str, key: str, tmp_path: Path) -> None:
    text = _csv("user;item;n", [f"u{n};i;{cell}" for n in range(20)] + ["u;j;1"])
    with pytest.raises(DatasetError, match="20 of 21 rows are without a readable weight in") as refused:
        read(tmp_path, {"a.csv": text}, USER_AND_ITEM + 'weight = "n"\nseparator = ";"\n')
    assert f"it holds {cell!r}: " in str(refused.value)
    assert key in str(refused.value)


@pytest.mark.parametrize("as_list", [False, True])
def test_several_items_of_one_cell_are_as_many_rows(as_list: bool, tmp_path: Path) -> None:
    baskets = [("u", ["d", "b", "c"]), ("v", ["a"]), ("w", []), ("x", ["b", "", "a"])]
    item = USER_AND_ITEM.replace('item = "item"', 'item = { column = "item", separator = ";" }')
    files: dict[str, str | pl.DataFrame] = {
        "a.csv": _csv("user,item", [f"{user},{'; '.join(items)}" for user, items in baskets])
    }
    if as_list:
        item = USER_AND_ITEM.replace("a.csv", "a.parquet")
        files = {"a.parquet": pl.DataFrame(baskets, ["user", "item"], orient="row")}
    dataset = read(tmp_path, files, item)
    assert dataset.pairs.select("user", "item").rows() == [
        *[("u", "d"), ("u", "b"), ("u", "c"), ("v", "a"), ("x", "b"), ("x", "a")]  # the order of the cell
    ]
    assert dataset.stats.rows_read == 8
    assert dataset.stats.dropped == {"without an item": 2}


def test_a_structure_is_no_id(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": ["u"], "item": [{"id": 1, "name": "Pot"}]})
    with pytest.raises(DatasetError, match=r"column 'item' holds values of the type Struct.*query"):
        read(tmp_path, {"a.parquet": frame}, USER_AND_ITEM.replace("a.csv", "a.parquet"))
