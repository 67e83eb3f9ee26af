"""What was last computed for a session, as it lies in Redis and as a stream's client gets it.

Shared by the consumer, which computes it, and the service, which reads it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from hybrid_recs.ranking.json_renderer import JsonRenderer
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.types import Answer, Json, Neighbours, Outcome, PublicReason, Source

SESSION_LIST_SECONDS = 3_600
MAX_SHOWN = 10  # items of an event on a stream; as many as an answer has unless more are asked for

# KEYS: none but those in ARGV. ARGV: 1 = seconds to keep, 2 = message, 3 = key and channel, 4 = value, and
# 5, 6 = milliseconds and number of the newest event it knows, and so on in fives.
# What knows of newer events is never overwritten: two consumers may be at work for one session.
STORE = """
local stored = 0
for at = 2, #ARGV, 5 do
  local ms, n = string.match(redis.call('GET', ARGV[at + 1]) or '', '^{"upto":"(%d+)%-(%d+)"')
  local mine_ms, mine_n = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  if not ms or tonumber(ms) < mine_ms or (tonumber(ms) == mine_ms and tonumber(n) <= mine_n) then
    redis.call('SET', ARGV[at + 1], ARGV[at + 2], 'EX', ARGV[1])
    redis.call('PUBLISH', ARGV[at + 1], ARGV[at])
    stored = stored + 1
  end
end
return stored
"""


@dataclass(frozen=True, slots=True)
class SessionList:
    """Rows of one generation, best first, with the bits of their scores in half precision.

    upto: stream id of the newest event that was known. overlay: version of the item changes known.
    """

    upto: str
    generation: str
    overlay: int
    source: Source
    reason: PublicReason | None
    rows: list[int]
    bits: list[int]

    @classmethod
    def of(cls, answer: Answer, upto: str, recommender: Recommender) -> "SessionList":
        """An answer to what a session has done up to an event, and who gave it."""
        bits = answer.neighbours.scores.astype(np.float16).view(np.uint16).tolist()
        rows = answer.neighbours.rows.tolist()
        version = recommender.items.overlay.version
        return cls(
            upto, recommender.generation.id, version, answer.source, answer.outcome.public_reason, rows, bits
        )

    @property
    def outcome(self) -> Outcome:
        """Why the list was made as it was, as far as its reason tells."""
        return Outcome.COMPOSED if self.reason is None else Outcome(self.reason.value)

    @property
    def neighbours(self) -> Neighbours:
        """As a list."""
        scores = np.array(self.bits, np.uint16).view(np.float16).astype(np.float32)
        return Neighbours(np.array(self.rows, np.int64), scores)

    @staticmethod
    def head(recommender: Recommender, upto: str) -> bytes:
        """How the stored value begins that `recommender` would store for a session whose newest event is
        `upto`: enough to tell without reading all of it."""
        version = recommender.items.overlay.version
        values = {"upto": upto, "generation": recommender.generation.id, "overlay": version}
        return orjson.dumps(values)[:-1] + b","

    def is_what(self, recommender: Recommender, upto: str) -> bool:
        """Whether `recommender` would say the same of a session whose newest event is `upto`."""
        mine = self.upto, self.generation, self.overlay
        return mine == (upto, recommender.generation.id, recommender.items.overlay.version)

    def encoded(self) -> bytes:
        """The stored value; `upto` stands first, where STORE looks for it."""
        return orjson.dumps(self)

    @classmethod
    def decode(cls, value: bytes | None) -> "SessionList | None":
        """The stored value read; None when there is none, or it is of another version of this package."""
        try:
            raw: Json = orjson.loads(value or b"")
            source, reason = Source(raw.pop("source")), raw.pop("reason")
            return cls(source=source, reason=PublicReason(reason) if reason else None, **raw)
        except (AttributeError, KeyError, TypeError, ValueError):
            return None


def render(session_id: str, session_list: SessionList, renderer: JsonRenderer) -> bytes:
    """The body of a message on a session's stream: the best MAX_SHOWN items of the list.

    renderer: of the generation and overlay that the list was computed from. Consumers and service give the
    same list the same id.
    """
    parts = session_id, session_list.upto, session_list.generation, str(session_list.overlay)
    name = hashlib.blake2b(" ".join(parts).encode(), digest_size=8).hexdigest()
    rows, bits = session_list.rows[:MAX_SHOWN], session_list.bits[:MAX_SHOWN]
    return renderer.session_body(session_id, name, session_list.source, session_list.reason, rows, bits)


def message_of(upto: str, body: bytes) -> bytes:
    """What is published: the stream id, a blank, and the rendered body."""
    return b"%b %b" % (upto.encode(), body)


def read_message(message: bytes) -> tuple[str, bytes]:
    """The two parts of a published message."""
    upto, _, body = message.partition(b" ")
    return upto.decode(), body


def position(upto: str) -> tuple[int, int]:
    """A stream id as something that can be compared; "" is before all."""
    milliseconds, _, number = upto.partition("-")
    return int(milliseconds or 0), int(number or 0)


def store_arguments(
    seconds: int, entries: Sequence[tuple[str, SessionList, bytes]]
) -> list[str | int | bytes]:
    """ARGV of STORE for (key, what is pushed, rendered body)."""
    arguments: list[str | int | bytes] = [seconds]
    for name, pushed, body in entries:
        milliseconds, number = position(pushed.upto)
        arguments += [message_of(pushed.upto, body), name, pushed.encoded(), milliseconds, number]
    return arguments
