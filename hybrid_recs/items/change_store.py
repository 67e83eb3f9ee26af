"""What was said of items since the last rebuild: put, hidden, made available again. `index/items.sqlite`.

The latest change of each item, numbered over all items. Written by the service's workers, read by all of them
and by the rebuild; durable before it is answered, whether Redis runs or not. SQLite takes care of several
processes at once and of those that are killed (https://sqlite.org/wal.html).
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
    Change,
    ItemFields,
    change_of,
    describes,
    merged,
    row_of,
    same,
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


_MIGRATIONS: tuple[str, ...] = (_FIRST_SCHEMA,)
"""Statements that take the file from each schema version to the next, from an empty file on."""
SCHEMA_VERSION = len(_MIGRATIONS)


@dataclass(frozen=True, slots=True)
class NewItemQuota:
    """How many described items may wait for a rebuild: at most `most` numbered above `folded`."""

    most: int
    folded: int


class ChangeStore:
    """The store. Safe for threads and processes; every method may wait for the disk.

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
            return _last(connection) if connection else 0

    def since(self, seq: int) -> list[Change]:
        """Items changed after change number `seq`, in that order."""
        return self._select("seq > ?", seq)

    def all(self) -> list[Change]:
        """Every item that ever changed, in the order of their latest changes."""
        return self.since(0)

    def changes_not_in_build(self, folded: int) -> list[Change]:
        """What a build that knows of the first `folded` changes does not hold: items described later, and
        hidden ones."""
        return self._select("described > ? OR NOT available", folded)

    def get(self, item_id: str) -> Change | None:
        """What was said of one item."""
        found = self._select("item_id = ?", item_id)
        return found[0] if found else None

    def put(
        self,
        item_id: str,
        fields: ItemFields,
        basis: str = "",
        known: bool = False,
        room: NewItemQuota | None = None,
    ) -> Change:
        """Record a change, on disk when this returns; the item as it is then. To say the same again is
        no change.

        basis: the space that a vector among `fields` is of. known: whether the item exists without this
        store. Raises UnknownItemError when nothing but the availability is told of an item that neither the
        store nor the caller knows, and TooManyNewItemsError when there is no `room` for one more.
        """
        with self._writing() as connection:
            before = _one(connection, item_id)
            if before is None and not describes(fields) and not known:
                raise UnknownItemError(item_id)
            change = merged(item_id, before, fields, basis, _next(connection))
            if before is not None and same(before, change):
                return before
            if describes(fields) and room and (before is None or before.described <= room.folded):
                _check(connection, room)
            connection.execute(
                f"INSERT OR REPLACE INTO item ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row_of(change)
            )
        return change

    def hide(self, item_id: str, known: bool = False) -> Change:
        """Never to be recommended until it is made available again; as `put`."""
        return self.put(item_id, {"available": False}, known=known)

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        with self._lock:
            self._close()

    def _select(self, condition: str, value: int | str) -> list[Change]:
        with self._reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(f"SELECT {COLUMNS} FROM item WHERE {condition} ORDER BY seq", (value,))
            return [change_of(row) for row in rows]

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection, or None while there is no file: reading makes none."""
        with self._lock, self._clear_errors():
            if not self.path.exists():
                self._close()
                yield None
            else:
                yield self._opened()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that excludes other writers."""
        with self._lock, self._clear_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _transaction(self._opened()) as connection:
                yield connection

    @contextlib.contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            self._close()
            raise ItemChangesError(f"{self.path}: {_remedy(error)} ({error})") from error

    def _opened(self) -> sqlite3.Connection:
        """The connection to the file that is there now: it may have been moved away and made anew."""
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

    FULL: a change is on disk before it is answered, whatever happens to the machine.
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


def _last(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM item").fetchone()[0])


def _next(connection: sqlite3.Connection) -> int:
    """One more than the last, and no less than the microseconds since 1970: should the file be lost, changes
    made afterwards still count as later than what was built before."""
    return max(_last(connection) + 1, time.time_ns() // 1_000)


def _one(connection: sqlite3.Connection, item_id: str) -> Change | None:
    row = connection.execute(f"SELECT {COLUMNS} FROM item WHERE item_id = ?", (item_id,)).fetchone()
    return change_of(row) if row else None


def _check(connection: sqlite3.Connection, room: NewItemQuota) -> None:
    counted = connection.execute("SELECT count(*) FROM item WHERE described > ?", (room.folded,))
    if counted.fetchone()[0] >= room.most:
        raise TooManyNewItemsError(room.most)


def _remedy(error: Exception) -> str:
    """What to do about it."""
    text = str(error)
    if isinstance(error, sqlite3.OperationalError | OSError):
        if "locked" in text or "busy" in text:
            return "another process has been writing for too long; try again"
        if "full" in text:
            return "the disk is full; make room"
        return (
            "cannot be opened or written; make its folder writable for this process, items.sqlite* included"
        )
    if isinstance(error, sqlite3.DatabaseError):
        return "damaged; move items.sqlite* away or put a copy back, then send the changes since again"
    return "not a list of changes that this program reads; move items.sqlite* away or use the other version"
