"""Drafts of a dataset.toml: a check of the draft reads the file that it was made of."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hybrid_recs.offline.check.draft import draft_of
from hybrid_recs.offline.data.dataset import read_dataset
from hybrid_recs.offline.sources.dataset_config import DatasetConfig

ROWS = [(f"ann{n % 9}", f"{n % 7:03d}", f"{1 + n % 12:02d}/{1 + n % 27:02d}/2023") for n in range(120)]


def _csv(head: str, separator: str = ",") -> str:
    return "\n".join([head, *(separator.join(row) for row in ROWS)]) + "\n"


def _drafted(path: Path) -> tuple[dict[str, Any], DatasetConfig]:
    draft = draft_of(path)
    assert draft.missing == []
    description = path.parent / "dataset.toml"
    description.write_text(draft.toml)
    return tomllib.loads(draft.toml), DatasetConfig.load(description)


@pytest.mark.parametrize(
    ("name", "head", "separator", "encoding", "keys"),
    [
        ("orders.csv", "customer_id,product_id,order date", ",", "utf-8", {}),
        ("orders.csv", "Kunde (customer);SKU;created_at", ";", "cp1252", {"separator": ";"}),
        ("export.txt", "visitor\titem\ttime", "\t", "utf-16", {"separator": "\t", "encoding": "utf-16"}),
        ("log.tsv", "user\titem\tdate", "\t", "utf-8", {}),
        ("dump", "user|asin|date", "|", "utf-8", {"separator": "|", "format": "csv"}),
    ],
)
def test_a_draft_reads_its_file(
    name: str, head: str, separator: str, encoding: str, keys: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(_csv(head, separator).encode(encoding))
    toml, config = _drafted(path)
    table = toml["interactions"]
    names = head.split(separator)
    assert (table["user"], table["item"], table["time"]) == tuple(names)
    assert table["time_format"] == "%m/%d/%Y"
    assert {key: table[key] for key in keys} == keys
    dataset = read_dataset(config, 5_000)
    assert (dataset.stats.rows_kept, dataset.stats.users, dataset.stats.items) == (120, 9, 7)


def test_letters_of_another_encoding_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("user,item\nJürg,1\nJürg,2\nAnn,1\n".encode("latin-1"))
    toml, config = _drafted(path)
    assert toml["interactions"]["encoding"] == "cp1252"
    assert "Jürg" in read_dataset(config, 100).pairs["user"].to_list()


def test_events_and_titles_are_described(tmp_path: Path) -> None:
    rows = [
        {
            "visitor": f"v{n % 5}",
            "sku": f"s{n % 6}",
            "event": ("view", "buy")[n % 3 == 0],
            "title": f"T{n % 6}",
            "ts": 1700000000 + n,
        }
        for n in range(60)
    ]
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    toml, config = _drafted(path)
    assert toml["interactions"]["event_weights"] == {"view": 1, "buy": 1}
    assert toml["items"] == {"path": "events.ndjson", "id": "sku", "title": "title"}
    dataset = read_dataset(config, 100)
    assert dataset.stats.rows_kept == 60
    assert dataset.items["title"].to_list() == [f"T{n}" for n in range(6)]


def test_what_is_not_found_is_left_open(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\n")
    draft = draft_of(path)
    assert draft.missing == ["user", "item"]
    assert 'user = "?"  # no column looks like one; there are x, y' in draft.toml


def test_nested_columns_are_for_a_query(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('{"user": "u", "items": [{"sku": "a"}], "ts": 1700000000}\n')
    draft = draft_of(path)
    assert draft.missing == ["item"]
    assert "# items hold lists or objects: a query takes them apart" in draft.toml


def test_a_folder_is_drafted_too(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    for day in range(3):
        (tmp_path / "log" / f"{day}.csv").write_text(_csv("user,item,date"))
    toml, config = _drafted(tmp_path / "log")
    assert toml["interactions"]["path"] == "log"
    assert read_dataset(config, 100).stats.rows_kept == 360
