"""The precomputed list of a session, as stored in Redis and as sent to the clients of its stream.

Shared by the consumer, which computes it, and the service, which reads it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from hybrid_recs.events.stream_id import StreamId
from hybrid_recs.ranking.json_renderer import JsonRenderer
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.types import Answer, Json, Neighbours, Outcome, PublicReason, Source, scores_from_bits

SESSION_LIST_SECONDS = 3_600
MAX_SHOWN = 10  # items of an event on a stream; the default k of an answer

# KEYS: none but those in ARGV. ARGV: 1 = seconds to keep, 2 = message, 3 = key and channel, 4 = value, and
# 5, 6 = milliseconds and number of the newest event it includes, and so on in fives.
# A list that includes newer events is never overwritten: two consumers may work for one session.
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

    upto: stream id of the newest event included. overlay: version of the overlay.
    """

    upto: str
    generation: str
    overlay: int
    source: Source
    reason: PublicReason | None
    rows: Sequence[int]
    bits: Sequence[int]

    @classmethod
    def from_answer(cls, answer: Answer, upto: str, recommender: Recommender) -> "SessionList":
        """The answer of `recommender` to a session's events up to `upto`."""
        rows, bits = answer.neighbours.scored_rows()
        version = recommender.items.overlay.version
        return cls(
            upto, recommender.generation.id, version, answer.source, answer.outcome.public_reason, rows, bits
        )

    @property
    def outcome(self) -> Outcome:
        """The outcome of the answer, as far as its public reason tells."""
        return Outcome.COMPOSED if self.reason is None else Outcome(self.reason.value)

    @property
    def neighbours(self) -> Neighbours:
        return Neighbours(np.array(self.rows, np.int64), scores_from_bits(self.bits))

    @staticmethod
    def stored_prefix(recommender: Recommender, upto: str) -> bytes:
        """The beginning of the stored value that is current for `recommender` and newest event `upto`: enough
        to check without reading all of it."""
        version = recommender.items.overlay.version
        values = {"upto": upto, "generation": recommender.generation.id, "overlay": version}
        return orjson.dumps(values)[:-1] + b","

    def is_current(self, recommender: Recommender, upto: str) -> bool:
        """Whether `recommender` would give the same list for a session whose newest event is `upto`."""
        return (self.upto, self.generation, self.overlay) == (
            upto,
            recommender.generation.id,
            recommender.items.overlay.version,
        )

    def encoded(self) -> bytes:
        """The stored value; `upto` comes first, where STORE looks for it."""
        return orjson.dumps(self)

    @classmethod
    def decode(cls, value: bytes | None) -> "SessionList | None":
        """The list of a stored value; None when there is no value, or one of another version of this
        package."""
        try:
            raw: Json = orjson.loads(value or b"")
            source, reason = Source(raw.pop("source")), raw.pop("reason")
            return cls(source=source, reason=PublicReason(reason) if reason else None, **raw)
        except (AttributeError, KeyError, TypeError, ValueError):
            return None


def render_session_list(session_id: str, session_list: SessionList, renderer: JsonRenderer) -> bytes:
    """The body of a message on a session's stream: the best MAX_SHOWN items of the list.

    renderer: of the list's generation and overlay. Consumers and workers give the same list the same id.
    """
    text = f"{session_id} {session_list.upto} {session_list.generation} {session_list.overlay}"
    name = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    rows, bits = session_list.rows[:MAX_SHOWN], session_list.bits[:MAX_SHOWN]
    return renderer.session_body(session_id, name, session_list.source, session_list.reason, rows, bits)


def encode_message(upto: str, body: bytes) -> bytes:
    """A published message: the stream id, a space, and the rendered body."""
    return b"%b %b" % (upto.encode(), body)


def decode_message(message: bytes) -> tuple[str, bytes]:
    """The stream id and the rendered body of a published message."""
    upto, _, body = message.partition(b" ")
    return upto.decode(), body


def store_arguments(
    seconds: int, entries: Sequence[tuple[str, SessionList, bytes]]
) -> list[str | int | bytes]:
    """ARGV of STORE for triples of key, list and rendered body."""
    arguments: list[str | int | bytes] = [seconds]
    for key, session_list, body in entries:
        milliseconds, number = StreamId.parse(session_list.upto)
        arguments += [
            encode_message(session_list.upto, body),
            key,
            session_list.encoded(),
            milliseconds,
            number,
        ]
    return arguments
