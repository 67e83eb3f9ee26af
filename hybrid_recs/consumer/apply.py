"""What an event does to the counts, exactly once.

Acknowledging an entry and counting it are one script, and only an entry whose acknowledgement did something
is counted. So it does not matter how often an entry is delivered, or where a consumer dies: before the script
it is delivered again, after it there is nothing left to do.
"""

from collections.abc import Sequence
from typing import Any

import redis

from hybrid_recs.cache.keys import CONSUMER_GROUP, Keys
from hybrid_recs.events.event import Event
from hybrid_recs.events.stream_id import StreamId
from hybrid_recs.events.trending_windows import WINDOWS

# Of one bucket; cut when what is trending is put together, so a crawl over made-up ids cannot fill Redis.
MAX_ITEMS_PER_BUCKET = 10_000
MAX_SET_ASIDE = 1_000

# KEYS: 1 = stream, 2 = counts, 3 = stream of what is set aside. ARGV: 1 = group, 2 = longest of 3; then for
# each entry its id, item id, and how many buckets it counts in, and for each its key and seconds to keep it.
# An entry that cannot be read comes with -1 instead of buckets, and the entry itself instead of an item id.
# Returns how many were applied and how many were set aside by this call.
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
"""A stream id and the fields of an entry."""


class EventApplier:
    """Applies entries through one client."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._keys = keys
        self._script = client.register_script(APPLY)
        self._names = [keys.events(), keys.event_counts(), keys.set_aside()]

    def apply(self, entries: Sequence[Entry], events: Sequence[Event | None]) -> tuple[int, int]:
        """Acknowledge and count; `events` are the entries decoded, None where that failed. Returns how many
        were applied and how many set aside; those of either that another consumer was quicker with are in
        neither."""
        arguments: list[Any] = [CONSUMER_GROUP, MAX_SET_ASIDE]
        for (entry_id, fields), event in zip(entries, events, strict=True):
            arguments.append(entry_id)
            arguments += [repr(fields), -1] if event is None else self._counted(entry_id, event)
        applied, aside = self._script(self._names, arguments)
        return int(applied), int(aside)

    def _counted(self, entry_id: bytes, event: Event) -> list[Any]:
        """Where an event counts: in the buckets of its own time, which cannot be after its arrival."""
        received = StreamId.parse(entry_id).seconds
        time = min(event.time, received)
        buckets: list[Any] = []
        for window in WINDOWS:
            if time > received - window.length:
                buckets += [self._keys.interactions(window.name, window.bucket_of(time)), window.keep]
        return [event.item_id, len(buckets) // 2, *buckets]
