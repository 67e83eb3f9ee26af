"""What visitors do: the one shape of an event, how it is checked, and how a batch gets into Redis.

A batch is accepted by one script, in one round trip: every event whose id was not accepted yesterday or
today is appended to the stream, and the latest items of its session and its user are brought up to date, so
that the next read sees it. Sending a batch again is safe: an event counts once.
"""

import math
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from hybrid_recs.cache.keys import Keys
from hybrid_recs.generation.scoring import MAX_HISTORY
from hybrid_recs.types import MAX_ID_LENGTH, SECONDS_PER_DAY

MAX_EVENTS = 1_000
MAX_TYPE_LENGTH = 64
TYPE_PATTERN = rf"^[A-Za-z0-9_.:-]{{1,{MAX_TYPE_LENGTH}}}$"
CLOCK_SKEW_SECONDS = 300.0
# The one field of a stream entry; it holds an event as JSON.
FIELD = b"e"

_TYPE = re.compile(TYPE_PATTERN)
_IDS = ("event_id", "user_id", "session_id", "item_id", "recommendation_id")
_REQUIRED = ("event_id", "type", "item_id")
_KNOWN = frozenset((*_IDS, "type", "time"))

# KEYS: 1 = stream, 2 = counts, 3 = ids seen today, 4, 5 = those of the days around it (workers' clocks may
# disagree at midnight). ARGV: 1 = most entries, 2 = seconds to keep ids, 3 = longest list, 4, 5 = seconds to
# keep a session and a user; then for each event its id, session key, user key ("": none), item id and JSON.
# Returns a 1 or a 0 (seen before) for each event, or how many entries there are when those are too many.
ACCEPT = """
local waiting = redis.call('XLEN', KEYS[1])
if waiting >= tonumber(ARGV[1]) then
  return waiting
end
local function remember(key, entry, seconds)
  if key ~= '' then
    redis.call('LPUSH', key, entry)
    redis.call('LTRIM', key, 0, tonumber(ARGV[3]) - 1)
    redis.call('EXPIRE', key, seconds)
  end
end
local results, accepted = {}, 0
for at = 6, #ARGV, 5 do
  local id = ARGV[at]
  local seen = redis.call('SISMEMBER', KEYS[3], id) == 1 or redis.call('SISMEMBER', KEYS[4], id) == 1
    or redis.call('SISMEMBER', KEYS[5], id) == 1
  if seen then
    results[#results + 1] = 0
  else
    redis.call('SADD', KEYS[3], id)
    local entry = redis.call('XADD', KEYS[1], '*', 'e', ARGV[at + 4]) .. ' ' .. ARGV[at + 3]
    remember(ARGV[at + 1], entry, ARGV[4])
    remember(ARGV[at + 2], entry, ARGV[5])
    results[#results + 1], accepted = 1, accepted + 1
  end
end
if accepted > 0 then
  redis.call('EXPIRE', KEYS[3], ARGV[2])
  redis.call('HINCRBY', KEYS[2], 'accepted', accepted)
end
return results
"""


class BadEventError(ValueError):
    """Why an event is not accepted: a code and a sentence that names the field."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a visitor did with an item; `time` in seconds since 1970. A session, a user or both."""

    event_id: str
    type: str
    item_id: str
    time: float
    user_id: str | None = None
    session_id: str | None = None
    recommendation_id: str | None = None

    def encoded(self) -> bytes:
        """As it stands in the stream."""
        return orjson.dumps(self)

    @classmethod
    def decode(cls, fields: dict[bytes, bytes] | None) -> "Event | None":
        """The event of a stream entry; None when the entry does not hold one."""
        try:
            raw = orjson.loads((fields or {})[FIELD])
            return parse(raw, math.inf) if raw["time"] is not None else None
        except (KeyError, TypeError, ValueError):
            return None


def parse(raw: object, now: float) -> Event:
    """Check one event as it came; raises BadEventError. Without a time it happened now."""
    if not isinstance(raw, dict):
        raise BadEventError("invalid_event", "an event is an object")
    for name in raw.keys() - _KNOWN:
        raise BadEventError("unknown_field", f"{str(name)[:MAX_TYPE_LENGTH]}: no such field")
    for name in _REQUIRED:
        if raw.get(name) is None:
            raise BadEventError("missing_field", f"{name}: missing")
    ids = {name: _id(raw, name) for name in _IDS}
    if ids["user_id"] is None and ids["session_id"] is None:
        raise BadEventError("missing_field", "user_id, session_id: one of them must be given")
    kind = raw["type"]
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise BadEventError("invalid_type", f"type: must be 1 to {MAX_TYPE_LENGTH} of A-Z a-z 0-9 _ . : -")
    at = raw.get("time")
    return Event(type=kind, time=now if at is None else _seconds(at, now), **ids)  # type: ignore[arg-type]


def accept_arguments(
    keys: Keys, events: Sequence[Event], now: float, most: int, session_ttl: int, user_ttl: int
) -> tuple[list[str], list[Any]]:
    """KEYS and ARGV of ACCEPT. What is older than a session or a user is remembered changes neither."""
    today = int(now // SECONDS_PER_DAY)
    days = [keys.seen(day) for day in (today, today - 1, today + 1)]
    arguments: list[Any] = [most, 2 * SECONDS_PER_DAY, MAX_HISTORY, session_ttl, user_ttl]
    for event in events:
        age = now - event.time
        session = keys.session(event.session_id) if event.session_id and age < session_ttl else ""
        user = keys.user(event.user_id) if event.user_id and age < user_ttl else ""
        arguments += [event.event_id, session, user, event.item_id, event.encoded()]
    return [keys.events(), keys.event_counts(), *days], arguments


def state_items(entries: Iterable[bytes]) -> tuple[list[str], bytes | None]:
    """Item ids, oldest first, and the version of a visitor's list as `ACCEPT` writes it, newest first."""
    parts = [entry.partition(b" ") for entry in entries]
    items = [item.decode("utf-8", "replace") for _, _, item in reversed(parts)]
    return items, parts[0][0] if parts else None


def _id(raw: dict[Any, Any], name: str) -> str | None:
    value = raw.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID_LENGTH:
        raise BadEventError("invalid_id", f"{name}: must be a text of 1 to {MAX_ID_LENGTH} characters")
    return value


def _seconds(value: object, now: float) -> float:
    """Unix seconds of a number or an ISO text (without a zone: UTC)."""
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value)
            seconds = (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError) as error:
            raise BadEventError("invalid_time", "time: not an ISO date and time") from error
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        raise BadEventError("invalid_time", "time: must be unix seconds or ISO text")
    if not 0 <= seconds <= now + CLOCK_SKEW_SECONDS:
        when = "before 1970" if seconds < 0 else "in the future (unix seconds, not milliseconds?)"
        raise BadEventError("invalid_time", f"time: {when}")
    return seconds


def arrival() -> float:
    """Now, in unix seconds, to the millisecond: the precision of a stream id."""
    return round(time.time(), 3)
