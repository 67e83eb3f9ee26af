"""The items table: one row per id, whatever the file holds."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.items import read_counted_items, read_items
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from tests.offline.builders import USER_AND_ITEM, File, write

ALL = """
id = "id"
title = "title"
categories = { column = "kinds", separator = "|" }
text = ["title", "more"]
"""


def _items(folder: Path, name: str, content: File, keys: str) -> list[tuple[object, ...]]:
    toml = USER_AND_ITEM + f'[items]\npath = "{name}"\n' + keys
    items = read_items(DatasetConfig.load(write(folder, {name: content}, toml)))
    return items.drop("available", "group").rows()


def test_several_rows_of_one_id_become_one(tmp_path: Path) -> None:
    text = (
        "id,title,kinds,more\n"
        "02,Cup,kitchen|gift,red\n"
        "02, Mug ,gift| tea ,blue\n"
        "02,Mug,,blue\n"
        "02,,Kitchen,\n"
        "01,Pen,,\n"
        ",No id,x,\n"
        f"{'y' * 257},Long,x,\n"
        "03,,|,\n"
    )
    assert _items(tmp_path, "items.csv", text, ALL) == [
        ("01", "Pen", [], "Pen"),
        ("02", "Mug", ["Kitchen", "gift", "kitchen", "tea"], "Cup red Mug blue"),
        ("03", None, [], None),
    ]


def test_rows_that_are_dropped_are_counted(tmp_path: Path) -> None:
    rows = ["1,Cup,a,3", "2,Pen,b,maybe", "3,Pot,,1", "1,Cup,a,3", ",No id,a,1", f"{'y' * 257},Long,a,1"]
    text = "\n".join(["id,title,kind,stock", *rows])
    toml = USER_AND_ITEM + '[items]\npath = "i.csv"\nid = "id"\ntitle = "title"\navailable = "stock"\n'
    config = DatasetConfig.load(write(tmp_path, {"i.csv": text}, toml + "where = \"kind = 'a'\"\n"))
    items, dropped = read_counted_items(config)
    assert items.select("item", "title", "available").rows() == [("1", "Cup", True)]
    assert dropped == {
        "not matching where": 2,
        "with an id over 256 characters": 1,
        "without an id": 1,
    }


@pytest.mark.parametrize(
    ("titles", "wins"),
    [
        (["b", "a", "b"], "b"),
        (["b", "a", "a", "b"], "a"),  # as often: the first in the alphabet
        (["", "", "", "z"], "z"),  # no title is not a title
        (["Zed", "able"], "Zed"),
        (["a", "b", " b", "b "], "b"),
    ],
)
def test_the_most_frequent_title_wins(titles: list[str], wins: str, tmp_path: Path) -> None:
    text = "id,title\n" + "".join(f"1,{title}\n" for title in titles)
    rows = _items(tmp_path, "items.csv", text, 'id = "id"\ntitle = "title"\n')
    assert rows == [("1", wins, [], None)]


def test_frequency_counts_rows_even_when_their_texts_differ(tmp_path: Path) -> None:
    text = "id,title,more\n1,often,a\n1,often,b\n1,often,c\n1,Again,d\n1,Again,d\n"
    rows = _items(tmp_path, "items.csv", text, 'id = "id"\ntitle = "title"\ntext = "more"\n')
    assert rows == [("1", "often", [], "a b c d")]


def test_one_column_of_categories_without_a_separator(tmp_path: Path) -> None:
    text = "id,kinds\n1,a|b\n1,c\n"
    assert _items(tmp_path, "items.csv", text, 'id = "id"\ncategories = "kinds"\n') == [
        ("1", None, ["a|b", "c"], None)
    ]


KINDS: list[tuple[int, list[str | None] | None]] = [
    (7, ["toy", "wood"]),
    (7, ["wood", None, "gift"]),
    (8, None),
    (9, []),
]
# In the order of their place in a cell, and of the alphabet among those of one place.
UNITED = [("7", None, ["toy", "wood", "gift"], None), ("8", None, [], None), ("9", None, [], None)]


def test_lists_of_categories(tmp_path: Path) -> None:
    keys = 'id = "id"\ncategories = "kinds"\n'
    frame = pl.DataFrame(KINDS, schema={"id": pl.Int64, "kinds": pl.List(pl.String)}, orient="row")
    assert _items(tmp_path, "items.parquet", frame, keys) == UNITED
    lines = "".join(json.dumps({"id": item, "kinds": names}) + "\n" for item, names in KINDS)
    assert _items(tmp_path, "items.ndjson", lines, keys) == UNITED


def test_the_interactions_may_be_the_items_table(tmp_path: Path) -> None:
    text = "user,item,name\nu,1,Cup\nv,1,Cup\nv,1,CUP\nv,2,\n"
    assert _items(tmp_path, "a.csv", text, 'id = "item"\ntitle = "name"\n') == [
        ("1", "Cup", [], None),
        ("2", None, [], None),
    ]


def test_no_items_table_is_an_empty_one(tmp_path: Path) -> None:
    items = read_items(DatasetConfig.load(write(tmp_path, {}, USER_AND_ITEM)))
    assert items.is_empty()
    assert items.columns == ["item", "title", "categories", "text", "available", "group"]


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    message = "items.csv: no column 'more'; it has id, title, kinds"
    with pytest.raises(DatasetError, match=re.escape(message)):
        _items(tmp_path, "items.csv", "id,title,kinds\n1,a,b\n", ALL)
