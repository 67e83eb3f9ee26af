"""The format of counters in Redis: the fields of a minute's hash, and the script that adds a batch exactly
once.

Shared by the service, which writes, and the reports, which read.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from hybrid_recs.types import SECONDS_PER_DAY, Outcome, PublicReason, Source

KEEP_SECONDS = 8 * SECONDS_PER_DAY
MAX_ITEMS_PER_HOUR = 5_000

# A batch whose confirmation was lost is sent again unchanged. The number of the last batch of each worker is
# stored with the counters, so that a batch is added once whatever was lost.
# KEYS: 1 = last batch of this worker. ARGV: 1 = number of this batch, 2 = seconds to keep,
# 3 = {hash key: {field: n}}, 4 = {sorted set key: {member: n}}, 5 = members kept in a sorted set.
ADD_ONCE = """
if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then
  return 0
end
for key, fields in pairs(cjson.decode(ARGV[3])) do
  for field, n in pairs(fields) do
    redis.call('HINCRBY', key, field, n)
  end
  redis.call('EXPIRE', key, ARGV[2])
end
for key, members in pairs(cjson.decode(ARGV[4])) do
  for member, n in pairs(members) do
    redis.call('ZINCRBY', key, n, member)
  end
  redis.call('ZREMRANGEBYRANK', key, 0, -tonumber(ARGV[5]) - 1)
  redis.call('EXPIRE', key, ARGV[2])
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""


def arguments(number: int, hashes: dict[str, dict[str, int]], missed: dict[str, dict[str, int]]) -> list[Any]:
    """The ARGV of ADD_ONCE."""
    return [number, KEEP_SECONDS, orjson.dumps(hashes), orjson.dumps(missed), MAX_ITEMS_PER_HOUR]


@dataclass(frozen=True, slots=True)
class Field:
    """One counter of a minute: requests with an outcome, or requests in a latency bucket (0 or above).

    outcome: None for a latency bucket, and for a live answer that a version before outcomes counted without a
    reason. older: answered when `CURRENT` had been seen to name another generation than the one that
    answered.
    """

    generation: str
    source: Source
    outcome: Outcome | None
    bucket: int = -1
    older: bool = False

    def name(self) -> str:
        """The name in the hash: b and a bucket, c (o: older) and an outcome, or r without an outcome."""
        if self.bucket >= 0:
            what = f"b{self.bucket}"
        elif self.outcome is not None:
            what = f"{'o' if self.older else 'c'}{self.outcome.value}"
        else:
            what = "r"
        return f"{self.generation}|{self.source.value}|{what}"

    @classmethod
    def parse(cls, name: str) -> "Field | None":
        """The field of a name, also of r and a reason, which versions before outcomes wrote; None for a name
        that only a newer version knows."""
        try:
            generation, source_name, what = name.split("|")
            source, kind, value = Source(source_name), what[:1], what[1:]
            if kind == "b":
                return cls(generation, source, None, int(value))
            if kind in ("c", "o"):
                return cls(generation, source, Outcome(value), older=kind == "o")
            return cls(generation, source, _outcome_of_reason(source, value)) if kind == "r" else None
        except ValueError:
            return None


def _outcome_of_reason(source: Source, reason: str) -> Outcome | None:
    """The outcome that a source and a public reason (empty: none) tell; raises ValueError for another
    reason."""
    if reason:
        return Outcome(PublicReason(reason).value)
    return None if source is Source.LIVE else Outcome.HIT
