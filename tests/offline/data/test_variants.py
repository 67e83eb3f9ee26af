"""Variants of a product are learned as one item: which of them stands for it, and what is pooled."""

import random
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from hybrid_recs.offline.data.dataset import Dataset
from hybrid_recs.offline.data.encoding import encode
from hybrid_recs.offline.data.requests import all_requests
from hybrid_recs.offline.evaluation.cases import split_rows
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from tests.offline.builders import random_histories, read

TOML = """order = "file"
[interactions]
path = "log.csv"
user = "user"
item = "item"
{log}
[items]
path = "items.csv"
id = "sku"
title = "title"
group = "product"
{items}
"""
TABLE = "sku,product,title,stock\n"


def _read(folder: Path, log: str, items: str, more: str = "", of_log: str = "") -> Dataset:
    return read(folder, {"log.csv": log, "items.csv": items}, TOML.format(log=of_log, items=more))


def _log(*items: str) -> str:
    """Three people who interacted with each of the items once, and one who did so with the first alone."""
    lines = [f"u{user},{item}" for user in range(3) for item in items]
    return "\n".join(["user,item", *lines, f"u9,{items[0]}"]) + "\n"


def _representatives(dataset: Dataset) -> dict[str, str]:
    return dict(dataset.variants.select("item", "representative").iter_rows())


@pytest.mark.parametrize(
    ("stock", "expected"),
    [
        ({}, {"m": "s", "l": "s"}),  # s has most interactions
        ({"s": "0"}, {"s": "l", "m": "l"}),  # then m and l have as many: the first id
        ({"s": "no", "l": "no", "m": "no"}, {"m": "s", "l": "s"}),
    ],
)
def test_the_most_popular_variant_in_stock_stands_for_its_product(
    tmp_path: Path, stock: dict[str, str], expected: dict[str, str]
) -> None:
    rows = [f"{sku},shirt,Shirt {sku},{stock.get(sku, 'yes')}" for sku in ("l", "m", "s")]
    log = _log("s", "m", "l", "hat")
    dataset = _read(tmp_path, log, TABLE + "\n".join([*rows, "hat,,Hat,yes"]) + "\n", 'available = "stock"')
    assert _representatives(dataset) == expected
    chosen = next(iter(expected.values()))
    assert set(dataset.items["item"]) == {chosen, "hat"} == set(dataset.pairs["item"])
    assert dataset.stats.variants == 2


def test_the_name_of_a_product_is_one_of_its_variants(tmp_path: Path) -> None:
    rows = "s,shirt,S,yes\nm,shirt,M,yes\npants,,Pants,yes\nx,pants,X,yes\n"
    dataset = _read(tmp_path, _log("shirt", "s", "x", "pants"), TABLE + rows, 'available = "stock"')
    # Of the log alone it is never shown, however popular; one that the table lists is an item like others.
    assert _representatives(dataset) == {"shirt": "s", "m": "s", "x": "pants"}
    available = dict(dataset.variants.select("item", "available").iter_rows())
    assert available == {"shirt": False, "m": True, "x": True}


def test_items_without_a_group_or_alone_in_one_stay_as_they_are(tmp_path: Path) -> None:
    rows = "a,,A,\nb,,B,\nc,alone,C,\n"
    dataset = _read(tmp_path, _log("a", "b", "c", "unlisted"), TABLE + rows)
    assert dataset.variants.is_empty()
    assert set(dataset.pairs["item"]) == {"a", "b", "c", "unlisted"}


def test_interactions_of_variants_are_added_up(tmp_path: Path) -> None:
    log = "user,item,day,pieces,receipt\n" + "\n".join(
        [
            "u,s,2024-01-01,2,r1",
            "u,m,2024-01-03,5,r2",
            "u,s,2024-01-02,1,",
            "u,hat,2024-01-02,1,r1",
            "v,m,2024-01-01,1,",
            "v,s,2024-01-01,1,r3",
        ]
    )
    of_log = 'time = "day"\nweight = "pieces"\nbasket = "receipt"'
    dataset = _read(tmp_path, log, TABLE + "s,shirt,S,\nm,shirt,M,\nhat,,H,\n", of_log=of_log)
    day = 86_400
    first = 1_704_067_200
    baskets = dict(zip(dataset.pairs.select("user", "item").rows(), dataset.pairs["basket"], strict=True))
    assert dataset.pairs.select("user", "item", "time", "order", "weight", "count").sort(
        "user", "item"
    ).rows() == [
        ("u", "hat", first + day, 3, 1.0, 1),
        ("u", "s", first + 2 * day, 2, 8.0, 3),
        ("v", "s", first, 5, 2.0, 2),
    ]
    assert baskets["u", "s"] != baskets["u", "hat"] is not None
    assert baskets["v", "s"] is not None


def _variant_log(seed: int) -> tuple[str, str, str]:
    """The same log with variants and with the variant that stands for each product, and the items table."""
    rng, histories = random.Random(seed), random_histories(seed, users=200, items=20, longest=8)
    clicks = [(user, item) for user, history in enumerate(histories) for item in history * 2]
    variants = [f"{item:02d}-{rng.choice('aab')}" for _, item in clicks]
    counts = {name: variants.count(name) for name in variants}
    best = {
        item: max((f"{item:02d}-a", f"{item:02d}-b"), key=lambda name: (counts.get(name, 0), name[-1] == "a"))
        for item in range(20)
    }
    logs = [
        "\n".join(
            ["user,item", *(f"u{user:03d},{name}" for (user, _), name in zip(clicks, names, strict=True))]
        )
        for names in (variants, [best[item] for _, item in clicks])
    ]
    table = TABLE + "\n".join(f"{item:02d}-{kind},p{item},T,yes" for item in range(20) for kind in "ab")
    return logs[0], logs[1], table


def test_pooled_variants_are_learned_as_if_the_log_named_one_item(tmp_path: Path) -> None:
    variants, named, table = _variant_log(4)
    pooled = _read(tmp_path / "variants", variants, table)
    reference = _read(tmp_path / "named", named, table)
    assert_frame_equal(pooled.pairs, reference.pairs)
    assert_frame_equal(encode(pooled).items, encode(reference).items)
    assert pooled.variants.height == 20
    configs = [DatasetConfig.load(tmp_path / name / "dataset.toml") for name in ("variants", "named")]
    splits = [split_rows(config, 5_000) for config in configs]
    assert_frame_equal(splits[0].events, splits[1].events)
    assert_frame_equal(splits[0].train.pairs, splits[1].train.pairs)
    assert all_requests(configs[0]) == all_requests(configs[1])


def test_the_most_frequent_product_of_an_item_counts(tmp_path: Path) -> None:
    rows = "s,hats,S,\ns,shirt,S,\ns,shirt,S,\nm,shirt,M,\n"
    dataset = _read(tmp_path, _log("m", "s"), TABLE + rows)
    assert _representatives(dataset) == {"s": "m"}
    assert dataset.pairs.group_by("item").agg(pl.col("count").sum()).rows() == [("m", 7)]
