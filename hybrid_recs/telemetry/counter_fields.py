"""How counters lie in Redis: the fields of a minute's hash, and the script that adds a batch exactly once.

Shared by the service, which writes, and the reports, which read.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from hybrid_recs.telemetry.outcome import REASON, Cause
from hybrid_recs.types import SECONDS_PER_DAY, Reason, Source

KEEP_SECONDS = 8 * SECONDS_PER_DAY
MAX_ITEMS_PER_HOUR = 5_000

# A batch whose answer was lost is sent again as it was; the number of the last batch taken from a worker
# is kept beside the counters, so that it is added once whatever was lost.
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

    cause: finer than the reason, which follows from it; None: not told, by a version that knew of none.
    older: answered when `CURRENT` had been seen to name another generation than the one that answered.
    """

    generation: str
    source: Source
    reason: Reason | None
    bucket: int = -1
    cause: Cause | None = None
    older: bool = False

    @classmethod
    def of(cls, generation: str, source: Source, cause: Cause, older: bool) -> "Field":
        """The counter of an outcome."""
        return cls(generation, source, REASON[cause], cause=cause, older=older)

    def name(self) -> str:
        """As it stands in the hash: b and a bucket, c or o (older) and a cause, or, as until there were
        causes, r and a reason."""
        if self.bucket >= 0:
            what = f"b{self.bucket}"
        elif self.cause is not None:
            what = f"{'o' if self.older else 'c'}{self.cause.value}"
        else:
            what = f"r{self.reason or ''}"
        return f"{self.generation}|{self.source.value}|{what}"

    @classmethod
    def parse(cls, name: str) -> "Field | None":
        """The field of a name; None for a name that a newer version may have written."""
        try:
            generation, source, what = name.split("|")
            kind, value = what[:1], what[1:]
            if kind == "b":
                return cls(generation, Source(source), None, int(value))
            if kind in ("c", "o"):
                return cls.of(generation, Source(source), Cause(value), kind == "o")
            return cls(generation, Source(source), Reason(value) if value else None) if kind == "r" else None
        except ValueError:
            return None
