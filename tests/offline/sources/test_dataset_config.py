"""dataset.toml: its error messages, and the files that it names."""

import re
import shutil
from pathlib import Path

import pytest

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.data.items import read_items
from hybrid_recs.offline.sources.dataset_config import DatasetConfig, fingerprint
from tests.offline.builders import USER_AND_ITEM, write


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (USER_AND_ITEM + 'colour = "red"\n', "interactions.colour: Extra inputs are not permitted"),
        (USER_AND_ITEM + '[extra]\nkey = "x"\n', "extra: Extra inputs are not permitted"),
        (USER_AND_ITEM + '[items]\npath = "a.csv"\n', "items.id: Field required"),
        ('[interactions]\npath = "a.csv"\nitem = "item"\n', "interactions.user: Field required"),
        (
            USER_AND_ITEM + 'weight = "n"\nevent = "type"\nevent_weights = { view = 1 }\n',
            "interactions: .*either weight or event, not both",
        ),
        (USER_AND_ITEM + 'event = "type"\n', "interactions: .*event and event_weights go together"),
        (USER_AND_ITEM + "event_weights = { view = 1 }\n", "interactions: .*go together"),
        (
            USER_AND_ITEM + 'event = "type"\nevent_weights = { view = 0 }\n',
            "interactions.event_weights.view: .*greater than 0",
        ),
        (
            USER_AND_ITEM + 'format = "xml"\n',
            "interactions.format: .*'parquet', 'arrow' or 'xlsx'",
        ),
        (USER_AND_ITEM.replace('"user"', "[]"), "interactions.user: .*at least 1 item"),
        (USER_AND_ITEM + 'a = "1"\nb = "2"\n', r"interactions\.a: .* \(and 1 more\)"),
        ("[interactions\n", "not valid TOML .*line 1"),
        ("", "interactions: Field required"),
    ],
)
def test_errors_name_the_file_and_the_key(toml: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, {}, toml)
    with pytest.raises(DatasetError, match=f"^{re.escape(str(path))}: {message}"):
        DatasetConfig.load(path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe not text"])
def test_a_description_that_cannot_be_read(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match=f"^{re.escape(str(path))}: cannot be read"):
        DatasetConfig.load(path)


def _files(folder: Path, names: list[str], path: str, more: str = "") -> list[str]:
    toml = USER_AND_ITEM.replace("a.csv", path) + more
    description = DatasetConfig.load(write(folder, dict.fromkeys(names, ""), toml))
    return [str(actual.relative_to(folder)) for actual in description.files(description.interactions[0])]


NAMES = ["data/b.csv", "data/a.csv", "data/deep/c.csv", "data/notes.md", "data/a.ndjson", "other.csv"]


@pytest.mark.parametrize(
    ("path", "more", "actual"),
    [
        ("data/b.csv", "", ["data/b.csv"]),
        ("data", "", ["data/a.csv", "data/a.ndjson", "data/b.csv", "data/deep/c.csv"]),
        ("data", 'format = "csv"\n', ["data/a.csv", "data/b.csv", "data/deep/c.csv"]),
        ("data", 'format = "ndjson"\n', ["data/a.ndjson"]),
        ("data/*.csv", "", ["data/a.csv", "data/b.csv"]),
        ("data/**/*.csv", "", ["data/a.csv", "data/b.csv", "data/deep/c.csv"]),
        ("*/[bc].csv", "", ["data/b.csv"]),
        ("data/?.ndjson", "", ["data/a.ndjson"]),
        ("data/deep/../b.csv", "", ["data/deep/../b.csv"]),
    ],
)
def test_one_file_a_folder_or_a_glob_in_name_order(
    path: str, more: str, actual: list[str], tmp_path: Path
) -> None:
    assert _files(tmp_path, NAMES, path, more) == actual


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("gone.csv", "no such file or folder"),
        ("data/*.parquet", "no file matches it as a pattern"),
        ("empty", "a folder with none of .csv, .tsv"),
    ],
)
def test_a_path_that_stands_for_nothing_is_named(path: str, remedy: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=f"{re.escape(path)}: .*{remedy}"):
        _files(tmp_path, NAMES, path)


def test_an_ending_that_says_nothing_asks_for_the_format(tmp_path: Path) -> None:
    toml = '[interactions]\npath = "a.csv"\nuser = "user"\nitem = "item"\n[items]\npath = "b.log"\nid = "i"\n'
    path = write(tmp_path, {"a.csv": "user,item\nu,1\n", "b.log": "i\n1\n"}, toml)
    with pytest.raises(DatasetError, match=r"b\.log: cannot tell the format from '\.log'; set format"):
        read_items(DatasetConfig.load(path))
    path.write_text(toml + 'format = "csv"\n')
    assert read_items(DatasetConfig.load(path))["item"].to_list() == ["1"]


def test_the_name_is_the_folders_or_the_files(tmp_path: Path) -> None:
    path = write(tmp_path / "my-shop", {}, USER_AND_ITEM)
    assert DatasetConfig.load(path).name == "my-shop"
    assert DatasetConfig.load(path.rename(path.with_name("invoices.toml"))).name == "invoices"
    named = path.with_name("any.toml")
    named.write_text(f'name = "the shop"\n{path.with_name("invoices.toml").read_text()}')
    assert DatasetConfig.load(named).name == "the shop"


def test_data_dir_replaces_the_folder_that_paths_start_from(tmp_path: Path) -> None:
    path = write(tmp_path / "described", {}, USER_AND_ITEM)
    write(tmp_path / "elsewhere", {"a.csv": ""}, "")
    description = DatasetConfig.load(path, tmp_path / "elsewhere")
    assert description.files(description.interactions[0]) == [tmp_path / "elsewhere" / "a.csv"]
    absolute = write(tmp_path / "third", {}, USER_AND_ITEM.replace("a.csv", f"{tmp_path}/elsewhere/a.csv"))
    description = DatasetConfig.load(absolute)
    assert description.files(description.interactions[0]) == [tmp_path / "elsewhere" / "a.csv"]


def test_fingerprint_changes_with_content_and_not_with_location(tmp_path: Path) -> None:
    toml = USER_AND_ITEM + '[items]\npath = "items.csv"\nid = "id"\n'
    files = {"a.csv": "user,item\nu,1\n", "items.csv": "id\n1\n"}
    path = write(tmp_path / "here", files, toml)
    first = fingerprint(DatasetConfig.load(path))
    assert re.fullmatch(r"[0-9a-f]{64}", first)
    moved = Path(shutil.move(tmp_path / "here", tmp_path / "there")) / "dataset.toml"
    assert fingerprint(DatasetConfig.load(moved)) == first
    assert fingerprint(DatasetConfig.load(moved.rename(moved.with_name("other.toml")))) == first

    changed = {
        "interactions": ({**files, "a.csv": "user,item\nu,2\n"}, toml),
        "items": ({**files, "items.csv": "id\n2\n"}, toml),
        "description": (files, toml.replace('id = "id"', 'id = "id"\ntitle = "id"')),
    }
    seen = {
        what: fingerprint(DatasetConfig.load(write(tmp_path / what, *how))) for what, how in changed.items()
    }
    assert len({first, *seen.values()}) == 4
