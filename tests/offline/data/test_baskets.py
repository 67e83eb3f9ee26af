"""What was interacted with together: by a column, by pauses, or by user."""

from pathlib import Path

import pytest

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.baskets import baskets_of
from hybrid_recs.offline.data.dataset import Dataset
from tests.offline.builders import USER_AND_ITEM, WITH_TIME, read

ROWS = """user,item,time,order
u,a,1000,o1
u,b,1000,o1
v,c,1000,o1
u,c,2800,o2
u,a,2801,o2
u,d,4602,o2
"""


def _together(dataset: Dataset) -> set[frozenset[tuple[str, str]]]:
    numbered = dataset.pairs.with_columns(number=baskets_of(dataset))
    groups = numbered.group_by("number").agg("user", "item")
    assert sorted(groups["number"]) == list(range(len(groups)))
    return {frozenset(zip(users, items, strict=True)) for _, users, items in groups.iter_rows()}


def test_a_column_names_the_baskets_of_each_user(tmp_path: Path) -> None:
    dataset = read(tmp_path, {"a.csv": ROWS}, WITH_TIME + 'basket = "order"\n')
    assert _together(dataset) == {
        frozenset({("u", "b")}),
        frozenset({("u", "c"), ("u", "a"), ("u", "d")}),  # a: the last basket that it was in
        frozenset({("v", "c")}),
    }


def test_pauses_of_half_an_hour_part_baskets(tmp_path: Path) -> None:
    dataset = read(tmp_path, {"a.csv": ROWS}, WITH_TIME)
    assert "basket" not in dataset.pairs.columns
    assert _together(dataset) == {
        frozenset({("u", "b"), ("u", "c"), ("u", "a")}),
        frozenset({("u", "d")}),
        frozenset({("v", "c")}),
    }


def test_without_times_all_is_one_basket(tmp_path: Path) -> None:
    dataset = read(tmp_path, {"a.csv": ROWS}, USER_AND_ITEM)
    assert _together(dataset) == {
        frozenset({("u", "a"), ("u", "b"), ("u", "c"), ("u", "d")}),
        frozenset({("v", "c")}),
    }


def test_what_names_no_basket_is_parted_by_pauses(tmp_path: Path) -> None:
    """And it does not hide the basket that an item was in before."""
    rows = "user,item,time,order\nu,a,0,o1\nu,b,0,o1\nu,x,10,\nu,a,20,NULL\nu,y,1800,\nu,z,9000,\nv,x,9000,\n"
    dataset = read(tmp_path, {"a.csv": rows}, WITH_TIME + 'basket = "order"\n')
    assert _together(dataset) == {
        frozenset({("u", "a"), ("u", "b")}),
        frozenset({("u", "x"), ("u", "y")}),
        frozenset({("u", "z")}),
        frozenset({("v", "x")}),
    }


def test_the_latest_basket_is_by_time_then_by_place(tmp_path: Path) -> None:
    rows = "user,item,time,order\nu,a,9000,o2\nu,b,9000,o2\nu,a,0,o1\nu,c,0,o1\nu,c,0,o3\nu,d,0,o3\n"
    dataset = read(tmp_path, {"a.csv": rows}, WITH_TIME + 'basket = "order"\n')
    assert _together(dataset) == {
        frozenset({("u", "a"), ("u", "b")}),
        frozenset({("u", "c"), ("u", "d")}),
    }


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no column 'invoice'; it has user, item, time, order"):
        read(tmp_path, {"a.csv": ROWS}, WITH_TIME + 'basket = "invoice"\n')
