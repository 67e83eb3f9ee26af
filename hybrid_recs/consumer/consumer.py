"""Reads the stream as one of a group of consumers: pushes to the sessions of a batch, then applies it.

In this order: what is applied is acknowledged and not delivered again, and pushing twice does no harm.
"""

import logging
import time
from typing import Any

import redis

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import CONSUMER_GROUP, Keys
from hybrid_recs.consumer.apply import Entry, EventApplier
from hybrid_recs.consumer.session_pusher import SessionPusher
from hybrid_recs.events.event import Event

log = logging.getLogger(__name__)

BATCH = 200
_FORGET_MILLISECONDS = 3_600_000

# KEYS: 1 = stream. ARGV: 1 = group, 2 = milliseconds. Forgets consumers that hold nothing and were silent for
# that long: a name is used by one process only.
FORGET = """
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  if consumer[4] == 0 and consumer[6] > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer[2])
  end
end
return 0
"""


class Consumer:
    """One of the group; `name` must be used by no other process, ever.

    claim_seconds: an entry that another consumer has held for longer is taken over.
    """

    def __init__(
        self, client: redis.Redis, keys: Keys, name: str, pusher: SessionPusher, claim_seconds: float
    ) -> None:
        self.applied = 0
        self.set_aside = 0
        self._client = client
        self._stream = keys.events()
        self._name = name
        self._pusher = pusher
        self._effects = EventApplier(client, keys)
        self._claim_milliseconds = int(claim_seconds * 1_000)
        self._claim_from = b"0-0"
        self._claim_again = float("-inf")
        self._forget = client.register_script(FORGET)
        self._unsure = True

    def step(self, block_milliseconds: int) -> int:
        """Apply one batch, waiting for it if need be; returns its entries. Raises what the client raises; to
        call it again then is all there is to do."""
        try:
            entries = self._next(block_milliseconds)
            if entries:
                self._handle(entries)
        except redis.ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self._unsure = True
            return 0
        except UNREACHABLE:
            self._unsure = True
            raise
        return len(entries)

    def _next(self, block_milliseconds: int) -> list[Entry]:
        """What was delivered to us but not applied (after a failure), to a dead consumer, or to nobody."""
        if self._unsure:
            self._make_group()
            if entries := self._read("0", None):
                return entries
            self._unsure = False
        return self._claimed() or self._read(">", block_milliseconds)

    def _handle(self, entries: list[Entry]) -> None:
        events = [Event.decode(fields) for _, fields in entries]
        self._push(events)
        applied, set_aside = self._effects.apply(entries, events)
        self.applied += applied
        self.set_aside += set_aside
        if set_aside:
            log.error("%d entries of the stream hold no event this version can read; set aside", set_aside)

    def _push(self, events: list[Event | None]) -> None:
        """A fault in recommending must not keep events from being applied."""
        active = dict.fromkeys(event.session_id for event in events if event and event.session_id)
        try:
            self._pusher.push(session_id for session_id in active if session_id)
        except UNREACHABLE:
            raise
        except Exception:
            log.exception("recommendations for %d sessions could not be computed", len(active))

    def _make_group(self) -> None:
        try:
            self._client.xgroup_create(self._stream, CONSUMER_GROUP, "0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _read(self, after: str, block_milliseconds: int | None) -> list[Entry]:
        found: Any = self._client.xreadgroup(
            CONSUMER_GROUP, self._name, {self._stream: after}, count=BATCH, block=block_milliseconds
        )
        return list(found[0][1]) if found else []

    def _claimed(self) -> list[Entry]:
        """Entries of consumers that have been silent; looked for twice in the time that makes them so."""
        now = time.monotonic()
        if now < self._claim_again:
            return []
        self._claim_from, found, *_ = self._client.xautoclaim(
            self._stream, CONSUMER_GROUP, self._name, self._claim_milliseconds, self._claim_from, count=BATCH
        )
        if self._claim_from == b"0-0":
            self._claim_again = now + self._claim_milliseconds / 2_000
            self._forget([self._stream], [CONSUMER_GROUP, _FORGET_MILLISECONDS])
        return [entry for entry in found if entry[0] is not None]
