"""Item edits since the last rebuild: items added, described, hidden, shown again. `index/items.sqlite`.

One merged change per item and dataset, numbered over all. Written by the service's workers, read by all of
them and by the rebuild; durable before the client gets its answer, whether Redis runs or not. SQLite handles
several processes at once and processes that are killed (https://sqlite.org/wal.html).
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hybrid_recs.errors import ItemChangesError, TooManyNewItemsError, UnknownItemError
from hybrid_recs.items.item_change import (
    COLUMNS,
    EditBasis,
    ItemChange,
    ItemFields,
    apply_edit,
    sets_description,
    without_edits,
)

FILE_NAME = "items.sqlite"
_BUSY_SECONDS = 5.0
_FIRST_SCHEMA = """
CREATE TABLE item (
    item_id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL UNIQUE,
    described INTEGER NOT NULL,
    metadata TEXT,
    vector BLOB,
    basis TEXT NOT NULL,
    available INTEGER NOT NULL,
    time REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX by_description ON item (described);
CREATE INDEX hidden ON item (seq) WHERE NOT available;
"""


# What edits that are older than the last two columns were made on is not known. An item of the same id may be
# edited on several datasets.
_OF_A_DATASET = """
CREATE TABLE edit (
    item_id TEXT NOT NULL,
    seq INTEGER NOT NULL UNIQUE,
    described INTEGER NOT NULL,
    metadata TEXT,
    vector BLOB,
    basis TEXT NOT NULL,
    available INTEGER NOT NULL,
    time REAL NOT NULL,
    base TEXT NOT NULL,
    dataset TEXT NOT NULL,
    PRIMARY KEY (item_id, dataset)
) WITHOUT ROWID;
INSERT INTO edit SELECT *, '{}', '' FROM item;
DROP TABLE item;
ALTER TABLE edit RENAME TO item;
CREATE INDEX by_description ON item (described);
CREATE INDEX hidden ON item (seq) WHERE NOT available;
"""


_MIGRATIONS: tuple[str, ...] = (_FIRST_SCHEMA, _OF_A_DATASET)
"""Statements that take the file from each schema version to the next, from an empty file on."""
SCHEMA_VERSION = len(_MIGRATIONS)


@dataclass(frozen=True, slots=True)
class NewItemQuota:
    """At most `limit` items described after change number `seq_in_build` may wait for a rebuild."""

    limit: int
    seq_in_build: int


class ChangeStore:
    """Safe for threads and processes; every method may wait for the disk.

    All methods raise ItemChangesError when the file cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    @property
    def last(self) -> int:
        """Number of the last change; 0 before the first."""
        with self._reading() as connection:
            return _last_seq(connection) if connection else 0

    def since(self, seq: int) -> list[ItemChange]:
        """Items changed after change number `seq`, in that order."""
        return self._select("seq > ?", seq)

    def all(self) -> list[ItemChange]:
        """Every item that ever changed, in the order of their latest changes."""
        return self.since(0)

    def changes_not_in_build(self, seq_in_build: int) -> list[ItemChange]:
        """What a build that knew the changes up to number `seq_in_build` does not contain: items described
        later, and those hidden or shown."""
        edited = """described > ? OR NOT available OR instr(base, '"available"')"""
        return self._select(edited, seq_in_build)

    def get(self, item_id: str, dataset: str = "") -> ItemChange | None:
        """The change of one item in a dataset (without one: the latest), None where there is none."""
        with self._reading() as connection:
            return _change_of(connection, item_id, dataset) if connection else None

    def put(
        self,
        item_id: str,
        fields: ItemFields,
        basis: EditBasis = EditBasis(),  # noqa: B008 (immutable)
        in_catalogue: bool = False,
        quota: NewItemQuota | None = None,
    ) -> ItemChange:
        """Record an edit, on disk when this returns; returns the merged change. An edit that changes nothing
        is not recorded.

        basis: what the edit was made on. in_catalogue: whether the item exists without this store.
        Raises UnknownItemError when only the availability is set, of an item that is neither in the store nor
        in the catalogue, and TooManyNewItemsError when the `quota` is used up.
        """
        with self._writing() as connection:
            before = _change_of(connection, item_id, basis.dataset)
            describes = sets_description(fields)
            if before is None and not describes and not in_catalogue:
                raise UnknownItemError(item_id)
            change = apply_edit(item_id, before, fields, basis, _next_seq(connection))
            if before is not None and before.has_content_of(change) and before.base == change.base:
                return before
            if describes and quota and (before is None or before.described_seq <= quota.seq_in_build):
                _check_quota(connection, quota)
            _replace(connection, before, change)
        return change

    def take_back(self, item_id: str, dataset: str) -> ItemChange:
        """Take all edits of an item back, on disk when this returns; raises UnknownItemError without any."""
        with self._writing() as connection:
            before = _change_of(connection, item_id, dataset)
            if before is None:
                raise UnknownItemError(item_id)
            change = without_edits(item_id, dataset, _next_seq(connection))
            _replace(connection, before, change)
        return change

    def hide(self, item_id: str, in_catalogue: bool = False) -> ItemChange:
        """Never recommend the item until it is made available again; as `put`."""
        return self.put(item_id, {"available": False}, in_catalogue=in_catalogue)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            self._close()

    def _select(self, condition: str, value: int | str) -> list[ItemChange]:
        with self._reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(f"SELECT {COLUMNS} FROM item WHERE {condition} ORDER BY seq", (value,))
            return [ItemChange.from_row(row) for row in rows]

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection, or None while there is no file: reading does not create it."""
        with self._lock, self._translate_errors():
            if not self.path.exists():
                self._close()
                yield None
            else:
                yield self._opened()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that excludes other writers."""
        with self._lock, self._translate_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _transaction(self._opened()) as connection:
                yield connection

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            self._close()
            raise ItemChangesError(f"{self.path}: {_remedy(error)} ({error})") from error

    def _opened(self) -> sqlite3.Connection:
        """The connection to the file at the path now, which may have been moved away and recreated."""
        if self._connection is not None and self.path.exists() and self.path.stat().st_ino == self._inode:
            return self._connection
        self._close()
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, self.path.stat().st_ino
        return connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _prepare(connection: sqlite3.Connection, migrations: Sequence[str] = _MIGRATIONS) -> None:
    """Bring the file to the newest schema, in one transaction; raises ValueError for a newer one.

    FULL: a change is on disk before the client gets its answer, even if the machine crashes.
    """
    connection.execute("PRAGMA synchronous = FULL")
    if _schema_version(connection) == 0:
        connection.execute("PRAGMA journal_mode = WAL")
    if _schema_version(connection) < len(migrations):
        with _transaction(connection):
            # Read again: another process may have been first.
            for number in range(_schema_version(connection), len(migrations)):
                for statement in migrations[number].split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number + 1}")
    version = _schema_version(connection)
    if version != len(migrations):
        raise ValueError(f"schema version {version}, this program reads {len(migrations)}")


def _schema_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _last_seq(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM item").fetchone()[0])


def _next_seq(connection: sqlite3.Connection) -> int:
    """One more than the last, and at least the microseconds since 1970: if the file is lost, changes made
    afterwards still count as later than earlier builds."""
    return max(_last_seq(connection) + 1, time.time_ns() // 1_000)


def _change_of(connection: sqlite3.Connection, item_id: str, dataset: str) -> ItemChange | None:
    """Of the dataset, or one of which no dataset is known; of the latest where none is asked for."""
    found = connection.execute(
        f"SELECT {COLUMNS} FROM item WHERE item_id = ? AND (? = '' OR dataset IN (?, '')) ORDER BY seq DESC",
        (item_id, dataset, dataset),
    ).fetchone()
    return ItemChange.from_row(found) if found else None


def _replace(connection: sqlite3.Connection, before: ItemChange | None, change: ItemChange) -> None:
    if before is not None and before.dataset != change.dataset:  # it was of no known one
        connection.execute(
            "DELETE FROM item WHERE item_id = ? AND dataset = ?", (before.item_id, before.dataset)
        )
    row = change.to_row()
    places = ", ".join("?" * len(row))
    connection.execute(f"INSERT OR REPLACE INTO item ({COLUMNS}) VALUES ({places})", row)


def _check_quota(connection: sqlite3.Connection, quota: NewItemQuota) -> None:
    waiting = connection.execute("SELECT count(*) FROM item WHERE described > ?", (quota.seq_in_build,))
    if waiting.fetchone()[0] >= quota.limit:
        raise TooManyNewItemsError(quota.limit)


def _remedy(error: Exception) -> str:
    text = str(error)
    if isinstance(error, sqlite3.OperationalError | OSError):
        if "locked" in text or "busy" in text:
            return "another process holds the write lock; try again"
        if "full" in text:
            return "the disk is full; free some space"
        return (
            "cannot be opened or written; make its folder writable for this process, items.sqlite* included"
        )
    if isinstance(error, sqlite3.DatabaseError):
        return "damaged; move items.sqlite* away or put a copy back, then send the changes since again"
    return "not a list of changes that this program reads; move items.sqlite* away or use the other version"
