"""Archives events as Parquet files by day, each event exactly once.

A file contains a contiguous range of the stream and is named after it, so the names on disk are the only
record of the archive's progress: a file exists completely or not at all. One archiver at a time writes to a
folder. Entries that are archived and applied are then trimmed from the stream; no others ever are.
"""

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import IO, Any, cast

import polars as pl
import redis

from hybrid_recs.cache.keys import CONSUMER_GROUP, Keys
from hybrid_recs.consumer.apply import Entry
from hybrid_recs.events.event import Event
from hybrid_recs.events.stream_id import StreamId
from hybrid_recs.generation.durable_files import sync, try_lock

MAX_EVENTS_PER_FILE = 10_000
_PAGE = 1_000
_NAME = re.compile(r"(\d+)-(\d+)-(\d+)-(\d+)\.parquet")
_SCHEMA = {
    "event_id": pl.String, "type": pl.String, "user_id": pl.String, "session_id": pl.String,
    "item_id": pl.String, "time": pl.Float64, "recommendation_id": pl.String, "received": pl.Float64,
}  # fmt: skip

# KEYS: 1 = stream. ARGV: 1 = group, 2 = id of the first entry that is not archived. Trims the entries before
# that one, before the first pending one, and before the first that is not delivered yet.
TRIM = """
local function parts(id)
  local ms, n = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(n)
end
local function earlier(a, b)
  local a1, a2 = parts(a)
  local b1, b2 = parts(b)
  if a1 < b1 or (a1 == b1 and a2 <= b2) then return a else return b end
end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if group[2] == ARGV[1] then
    local ms, n = string.match(group[8], '^(%d+)-(%d+)$')
    local limit = earlier(ARGV[2], ms .. '-' .. string.format('%.0f', n + 1))
    if group[6] > 0 then
      limit = earlier(limit, redis.call('XPENDING', KEYS[1], ARGV[1])[2])
    end
    return redis.call('XTRIM', KEYS[1], 'MINID', limit)
  end
end
return 0
"""


class Archive:
    """The archiver of one folder; does nothing while another process holds the folder's lock."""

    def __init__(self, client: redis.Redis, keys: Keys, folder: Path, seconds: float) -> None:
        self.written = 0
        self._client = client
        self._stream = keys.events()
        self._folder = folder
        self._seconds = seconds
        self._trim = client.register_script(TRIM)
        self._lock: IO[Any] | None = None
        self._last = StreamId()
        self._flushed = float("-inf")

    def keep(self, now: float | None = None) -> int:
        """Write full files, and the rest of the entries when that is due, then trim; returns the events
        written.

        now: of a monotonic clock.
        """
        if not self._has_lock():
            return 0
        now = time.monotonic() if now is None else now
        written, due = 0, now - self._flushed >= self._seconds
        while entries := self._next():
            if len(entries) < MAX_EVENTS_PER_FILE and not due:
                break
            written += self._write(entries)
        if due or written:
            self._flushed = now if due else self._flushed
            self._trim_stream()
        self.written += written
        return written

    def close(self) -> None:
        """Let another process archive."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _has_lock(self) -> bool:
        if self._lock is None:
            self._lock = try_lock(self._folder)
            if self._lock is None:
                return False
            for unfinished in self._folder.glob("day=*/*.new"):
                unfinished.unlink()
            self._last = last_archived(self._folder)
        return True

    def _next(self) -> list[Entry]:
        """The entries of the next file."""
        entries: list[Entry] = []
        start = self._last
        while len(entries) < MAX_EVENTS_PER_FILE:
            page = cast(list[Entry], self._client.xrange(self._stream, f"({start}", "+", _PAGE))
            entries += page
            if len(page) < _PAGE:
                break
            start = StreamId.parse(page[-1][0])
        return entries

    def _write(self, entries: list[Entry]) -> int:
        """Write a file for each day; the position advances with each of them."""
        written = 0
        for day, group in groupby(entries, lambda entry: _day(entry[0])):
            entries_of_day = list(group)
            written += self._write_day(day, entries_of_day)
            self._last = StreamId.parse(entries_of_day[-1][0])
        return written

    def _write_day(self, day: str, entries: Sequence[Entry]) -> int:
        folder = self._folder / f"day={day}"
        if not folder.exists():
            folder.mkdir()
            sync(self._folder)
        name = f"{entries[0][0].decode()}-{entries[-1][0].decode()}.parquet"
        rows = _rows(entries)
        unfinished = folder / f"{name}.new"
        pl.DataFrame(rows, _SCHEMA, orient="row").write_parquet(unfinished)
        sync(unfinished)
        unfinished.rename(folder / name)
        sync(folder)
        return len(rows)

    def _trim_stream(self) -> None:
        if self._last > StreamId() and self._client.exists(self._stream):
            self._trim([self._stream], [CONSUMER_GROUP, str(self._last.next)])


def last_archived(folder: Path) -> StreamId:
    """The last stream id that a folder of archived events contains."""
    names = (_NAME.fullmatch(path.name) for path in folder.glob("day=*/*.parquet"))
    return max((StreamId(int(name[3]), int(name[4])) for name in names if name), default=StreamId())


def _rows(entries: Sequence[Entry]) -> list[tuple[object, ...]]:
    """A row for each entry that can be read; the others were set aside."""
    decoded = ((entry_id, Event.decode(fields)) for entry_id, fields in entries)
    return [
        (e.event_id, e.type, e.user_id, e.session_id, e.item_id, e.time, e.recommendation_id,
         StreamId.parse(entry_id).seconds)
        for entry_id, e in decoded if e is not None
    ]  # fmt: skip


def _day(entry_id: bytes) -> str:
    return datetime.fromtimestamp(StreamId.parse(entry_id).seconds, UTC).strftime("%Y-%m-%d")
