"""How far the consumers are behind, read from Redis in one round trip, by the service and by consumers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import redis

from hybrid_recs.cache.keys import CONSUMER_GROUP, Keys

# KEYS: 1 = stream, 2 = counts. ARGV: 1 = group.
# Returns accepted, applied, set aside, the stream's length, and the age in milliseconds of the oldest entry
# that is not applied: the first pending one, or the first that was not delivered yet.
LAG = """
local counts = redis.call('HMGET', KEYS[2], 'accepted', 'applied', 'set_aside')
local length, oldest, after = redis.call('XLEN', KEYS[1]), false, '-'
if length > 0 then
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    if group[2] == ARGV[1] then
      after = '(' .. group[8]
      if group[6] > 0 then
        oldest = redis.call('XPENDING', KEYS[1], ARGV[1])[2]
      end
    end
  end
  if not oldest then
    local next = redis.call('XRANGE', KEYS[1], after, '+', 'COUNT', 1)[1]
    oldest = next and next[1]
  end
end
local age = 0
if oldest then
  local now = redis.call('TIME')
  age = math.max(0, now[1] * 1000 + math.floor(now[2] / 1000) - tonumber(string.match(oldest, '^%d+')))
end
return {tonumber(counts[1] or 0), tonumber(counts[2] or 0), tonumber(counts[3] or 0), length, age}
"""


@dataclass(frozen=True, slots=True)
class ConsumerLag:
    """Events accepted, applied and set aside since the beginning, entries in the stream, and how long the
    oldest one has been waiting."""

    accepted: int
    applied: int
    set_aside: int
    stream_length: int
    oldest_seconds: float

    @property
    def waiting(self) -> int:
        """Accepted events that are not applied yet."""
        return max(0, self.accepted - self.applied - self.set_aside)


def lag_arguments(keys: Keys) -> Sequence[Any]:
    """The arguments of EVAL after the script."""
    return [2, keys.events(), keys.event_counts(), CONSUMER_GROUP]


def read_lag(reply: Sequence[int]) -> ConsumerLag:
    """The figures in LAG's reply."""
    accepted, applied, set_aside, length, milliseconds = reply
    return ConsumerLag(accepted, applied, set_aside, length, milliseconds / 1_000)


def consumer_lag(client: redis.Redis, keys: Keys) -> ConsumerLag:
    """The current lag; raises what the client raises."""
    return read_lag(cast(list[int], client.eval(LAG, *lag_arguments(keys))))
