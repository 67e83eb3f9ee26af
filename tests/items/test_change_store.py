"""The store of item changes: what is kept, several processes, killed writers, damaged files."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hybrid_recs.errors import ItemChangesError, TooManyNewItemsError, UnknownItemError
from hybrid_recs.items.change_store import _MIGRATIONS, ChangeStore, NewItemQuota, _prepare
from hybrid_recs.items.item_change import EditBasis, ItemMetadata

_WRITE_FOREVER = """
import sys
from pathlib import Path
from hybrid_recs.items.change_store import ChangeStore
store, name = ChangeStore(Path(sys.argv[1])), sys.argv[2]
for number in range(int(sys.argv[3])):
    print(store.put(f"{name}-{number}", {"title": f"{name} {number}"}).seq, flush=True)
"""


def _writer(folder: Path, name: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _WRITE_FOREVER, str(folder), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_reading_makes_no_file(tmp_path: Path) -> None:
    store = ChangeStore(tmp_path)
    assert (store.last, store.all(), store.get("a"), store.changes_not_in_build(0)) == (0, [], None, [])
    assert list(tmp_path.iterdir()) == []


def test_keeps_the_latest_of_each_item_in_the_order_of_changes(tmp_path: Path) -> None:
    store, other = ChangeStore(tmp_path), ChangeStore(tmp_path)
    first = store.put("a/é", {"title": "A", "categories": ["x", "y"], "text": "words"})
    second = other.put("b", {"vector": np.array([3, 4], np.float32)}, basis=EditBasis("space"))
    third = store.put("a/é", {"title": "A2"})
    assert 0 < first.seq < second.seq < third.seq == other.last
    assert [change.item_id for change in other.all()] == ["b", "a/é"]
    assert [change.item_id for change in other.since(second.seq)] == ["a/é"]
    assert other.get("a/é") == third
    assert third.metadata == ItemMetadata("A2", ["x", "y"], "words")  # what is left out stays
    kept = store.get("b")
    assert kept is not None
    assert kept.vector is not None
    assert (kept.vector.tolist(), kept.vector_space, kept.metadata) == ([3, 4], "space", None)


def test_a_hidden_item_stays_hidden_until_it_is_said_to_be_available(tmp_path: Path) -> None:
    store = ChangeStore(tmp_path)
    described = store.put("a", {"title": "A"})
    hidden = store.hide("a")
    assert (hidden.available, hidden.described_seq, hidden.metadata) == (
        False,
        described.seq,
        ItemMetadata("A"),
    )
    assert store.put("a", {"title": "B"}).available is False
    again = store.put("a", {"available": True})
    assert (again.available, again.metadata) == (True, ItemMetadata("B"))
    assert store.hide("a").seq > again.seq
    assert ChangeStore(tmp_path).get("a") == store.get("a")


def test_hiding_what_nobody_knows_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    store = ChangeStore(tmp_path)
    with pytest.raises(UnknownItemError):
        store.hide("a")
    assert store.last == 0
    assert store.hide("a", in_catalogue=True).available is False
    assert store.hide("a").available is False


def test_what_a_build_does_not_hold(tmp_path: Path) -> None:
    store = ChangeStore(tmp_path)
    store.put("folded", {"title": "old"})
    store.put("hidden later", {"title": "old"})
    folded = store.last
    store.hide("hidden later")
    store.put("new", {"title": "new"})
    assert [change.item_id for change in store.changes_not_in_build(folded)] == ["hidden later", "new"]
    store.put("hidden later", {"available": True})
    assert [change.item_id for change in store.changes_not_in_build(folded)] == ["new"]
    assert len(store.changes_not_in_build(0)) == 3


def test_room_for_new_items_ends(tmp_path: Path) -> None:
    store = ChangeStore(tmp_path)
    for name in ("a", "b"):
        store.put(name, {"title": name}, quota=NewItemQuota(2, 0))
    with pytest.raises(TooManyNewItemsError, match="HYBRID_RECS_MAX_NEW_ITEMS"):
        store.put("c", {"title": "c"}, quota=NewItemQuota(2, 0))
    assert store.put("a", {"title": "changed"}, quota=NewItemQuota(2, 0)).metadata == ItemMetadata("changed")
    assert store.hide("a").available is False
    assert store.put("c", {"title": "c"}, quota=NewItemQuota(2, store.last)).item_id == "c"


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    writers = [_writer(tmp_path, name, 200) for name in "ab"]
    told = [[int(line) for line in writer.communicate()[0].split()] for writer in writers]
    assert [len(numbers) for numbers in told] == [200] * 2
    numbers = sorted(number for of_one in told for number in of_one)
    assert len(set(numbers)) == 400
    changes = ChangeStore(tmp_path).all()
    assert [change.seq for change in changes] == numbers
    assert {change.item_id for change in changes} == {f"{name}-{n}" for name in "ab" for n in range(200)}


def test_a_killed_writer_loses_nothing_it_was_told_is_kept_and_blocks_nobody(tmp_path: Path) -> None:
    writer = _writer(tmp_path, "a", 1_000_000)
    assert writer.stdout is not None
    told = [int(writer.stdout.readline()) for _ in range(20)]
    os.kill(writer.pid, signal.SIGKILL)
    told += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    writer.wait()
    writer.stdout.close()
    store = ChangeStore(tmp_path)
    assert [change.seq for change in store.all()][: len(told)] == told
    assert store.put("b", {"title": "after"}).seq > told[-1]


def test_a_damaged_file_is_an_error_that_names_it_and_the_remedy(tmp_path: Path) -> None:
    store = ChangeStore(tmp_path)
    before = store.put("a", {"title": "A"}).seq
    store.close()
    for left in tmp_path.glob("items.sqlite*"):
        left.write_bytes(b"not a database" * 400)
    for use in (lambda: store.last, store.all, lambda: store.hide("a")):
        with pytest.raises(ItemChangesError, match=r"items\.sqlite: damaged; move items\.sqlite\* away"):
            use()
    for left in tmp_path.glob("items.sqlite*"):
        left.rename(left.with_name("away"))
    # Numbers go on upwards: a build that folded the lost ones in must take this one for later.
    assert store.put("b", {"title": "B"}).seq > before
    assert [change.item_id for change in store.all()] == ["b"]


def test_a_file_moved_away_in_service_is_noticed(tmp_path: Path) -> None:
    store = ChangeStore(tmp_path)
    store.put("a", {"title": "A"})
    for left in tmp_path.glob("items.sqlite*"):
        left.unlink()
    assert store.last == 0
    store.put("b", {"title": "B"})
    assert [change.item_id for change in ChangeStore(tmp_path).all()] == ["b"]


def test_what_cannot_be_opened_and_other_versions(tmp_path: Path) -> None:
    (tmp_path / "folder" / "items.sqlite").mkdir(parents=True)
    with pytest.raises(ItemChangesError, match="cannot be opened or written; make its folder writable"):
        ChangeStore(tmp_path / "folder").put("a", {"title": "A"})
    with sqlite3.connect(tmp_path / "items.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ItemChangesError, match="schema version 99, this program reads 2"):
        assert ChangeStore(tmp_path).last


def test_a_folder_that_may_not_be_written() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        store = ChangeStore(folder)
        store.put("a", {"title": "A"})
        store.close()
        with _others_folder(folder):
            for use in (store.all, lambda: store.hide("a")):
                with pytest.raises(ItemChangesError, match=r"items\.sqlite: .* make its folder writable"):
                    use()
        assert store.hide("a").available is False
    finally:
        store.close()
        shutil.rmtree(folder)


@contextlib.contextmanager
def _others_folder(folder: Path) -> Iterator[None]:
    """A folder that this process may read only; root has to be somebody else for that."""
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_writer_waits_for_another(tmp_path: Path) -> None:
    store = ChangeStore(tmp_path)
    store.put("a", {"title": "A"})
    blocker = sqlite3.connect(store.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    assert store.last > 0  # readers do not
    assert time.monotonic() - started < 1
    blocker.execute("COMMIT")
    blocker.close()
    assert store.put("b", {"title": "B"}).seq == store.last


def _file_of_version_1(folder: Path) -> Path:
    store = ChangeStore(folder)
    store.put("a", {"title": "A lantern"})
    store.close()
    return store.path


def _migrated(path: Path, *later: str) -> tuple[int, list[str], int]:
    """Schema version, columns and rows after opening the file with later migrations."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with contextlib.suppress(sqlite3.Error):
            _prepare(connection, (*_MIGRATIONS, *later))
        columns = [row[1] for row in connection.execute("PRAGMA table_info(item)")]
        (rows,) = connection.execute("SELECT count(*) FROM item").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return int(version), columns, int(rows)


def test_an_older_file_is_migrated_in_place(tmp_path: Path) -> None:
    path = _file_of_version_1(tmp_path)
    before = _migrated(path)
    after = _migrated(
        path, "ALTER TABLE item ADD COLUMN colour TEXT", "ALTER TABLE item ADD COLUMN size TEXT"
    )
    assert before[0] == len(_MIGRATIONS)
    assert after == (len(_MIGRATIONS) + 2, [*before[1], "colour", "size"], 1)


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = _file_of_version_1(tmp_path)
    before = _migrated(path)
    assert (
        _migrated(path, "ALTER TABLE item ADD COLUMN colour TEXT", "ALTER TABLE nothing ADD COLUMN x")
        == before
    )
    assert [change.item_id for change in ChangeStore(tmp_path).all()] == ["a"]


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = _file_of_version_1(tmp_path)
    later = _migrated(path, "ALTER TABLE item ADD COLUMN colour TEXT")
    with pytest.raises(ItemChangesError, match=f"schema version {len(_MIGRATIONS) + 1}"):
        ChangeStore(tmp_path).all()
    assert _migrated(path, "ALTER TABLE item ADD COLUMN colour TEXT") == later


def test_one_item_may_be_edited_on_several_datasets(tmp_path: Path) -> None:
    store = ChangeStore(tmp_path)
    demo, shop = EditBasis(dataset="demo"), EditBasis(base={"title": 7}, dataset="shop")
    store.put("a", {"title": "Of the demo"}, demo)
    store.put("a", {"title": "Of the shop"}, shop)
    store.put("a", {"text": "more"}, demo)
    titles = {change.dataset: change.metadata.title for change in store.all() if change.metadata}
    assert titles == {"demo": "Of the demo", "shop": "Of the shop"}
    of_shop = store.get("a", "shop")
    assert of_shop is not None
    assert (of_shop.base, of_shop.dataset) == ({"title": 7}, "shop")
    store.take_back("a", "shop")
    assert [change.metadata is None for change in store.all()] == [False, True]
    with pytest.raises(UnknownItemError):
        store.take_back("a", "other")


def test_edits_of_a_first_schema_are_of_any_dataset(tmp_path: Path) -> None:
    path = tmp_path / "items.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        _prepare(connection, _MIGRATIONS[:1])
        row = ("a", 5, 5, '{"title":"Old","categories":null,"text":null}', None, "", 0, 1.5)
        connection.execute("INSERT INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.commit()
    store = ChangeStore(tmp_path)
    (old,) = store.all()
    assert (old.item_id, old.seq, old.available, old.dataset, old.base) == ("a", 5, False, "", {})
    assert old.is_of("shop")
    store.put("a", {"available": True}, EditBasis(dataset="shop"), in_catalogue=True)
    (new,) = store.all()
    assert (new.dataset, new.available) == ("shop", True)
    assert new.metadata is not None
    assert new.metadata.title == "Old"
