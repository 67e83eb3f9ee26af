"""Counts each event in the trending buckets exactly once.

One script acknowledges an entry and counts it, and it counts only entries that were not acknowledged before.
So it does not matter how often an entry is delivered or where a consumer dies: before the script the entry is
delivered again, after it nothing is left to do.
"""

from collections.abc import Sequence
from typing import Any

import redis

from hybrid_recs.cache.keys import CONSUMER_GROUP, Keys
from hybrid_recs.events.event import Event
from hybrid_recs.events.stream_id import StreamId
from hybrid_recs.events.trending_windows import WINDOWS

# Larger buckets are trimmed when a window is refreshed, so a crawl over invented ids cannot fill Redis.
MAX_ITEMS_PER_BUCKET = 10_000
MAX_SET_ASIDE = 1_000

# KEYS: 1 = stream, 2 = counts, 3 = dead-letter stream. ARGV: 1 = group, 2 = maximum length of 3; then for
# each entry its id, item id, and in how many buckets it counts, and for each of those the key and the seconds
# to keep it. An entry that cannot be read has -1 instead of buckets, and the entry itself instead of an item
# id. Returns how many entries this call applied and how many it set aside.
APPLY = """
local applied, aside, at = 0, 0, 3
while at <= #ARGV do
  local item, buckets = ARGV[at + 1], tonumber(ARGV[at + 2])
  local mine = redis.call('XACK', KEYS[1], ARGV[1], ARGV[at]) == 1
  if mine and buckets < 0 then
    redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[2], '*', 'id', ARGV[at], 'entry', item)
    aside = aside + 1
  elseif mine then
    for b = at + 3, at + 1 + 2 * buckets, 2 do
      redis.call('ZINCRBY', ARGV[b], 1, item)
      redis.call('EXPIRE', ARGV[b], ARGV[b + 1])
    end
    applied = applied + 1
  end
  at = at + 3 + 2 * math.max(0, buckets)
end
if applied > 0 then redis.call('HINCRBY', KEYS[2], 'applied', applied) end
if aside > 0 then redis.call('HINCRBY', KEYS[2], 'set_aside', aside) end
return {applied, aside}
"""

Entry = tuple[bytes, dict[bytes, bytes]]
"""The id and the fields of a stream entry."""


class EventApplier:
    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._keys = keys
        self._script = client.register_script(APPLY)
        self._names = [keys.events(), keys.event_counts(), keys.set_aside()]

    def apply(self, entries: Sequence[Entry], events: Sequence[Event | None]) -> tuple[int, int]:
        """Acknowledge and count entries; `events`: the decoded entries, None for one that cannot be read.
        Returns how many were applied and how many set aside, without those that another consumer handled
        first."""
        arguments: list[Any] = [CONSUMER_GROUP, MAX_SET_ASIDE]
        for (entry_id, fields), event in zip(entries, events, strict=True):
            arguments.append(entry_id)
            arguments += [repr(fields), -1] if event is None else self._count_arguments(entry_id, event)
        applied, aside = self._script(self._names, arguments)
        return int(applied), int(aside)

    def _count_arguments(self, entry_id: bytes, event: Event) -> list[Any]:
        """An event counts in the buckets of its own time, which cannot be later than its arrival."""
        received = StreamId.parse(entry_id).seconds
        time = min(event.time, received)
        buckets: list[Any] = []
        for window in WINDOWS:
            if time > received - window.length:
                buckets += [self._keys.interactions(window.name, window.bucket_of(time)), window.keep]
        return [event.item_id, len(buckets) // 2, *buckets]
