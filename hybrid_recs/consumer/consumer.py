"""Reads the stream as one of a group of consumers: updates the lists of a batch's sessions, then applies the
batch.

In this order, because an applied entry is acknowledged and not delivered again, and pushing twice is
harmless.
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

# KEYS: 1 = stream. ARGV: 1 = group, 2 = milliseconds. Removes consumers that hold no entries and have been
# silent for that long: a name is used by one process only.
FORGET = """
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  if consumer[4] == 0 and consumer[6] > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer[2])
  end
end
return 0
"""


class Consumer:
    """One consumer of the group; no other process may ever use its `name`.

    claim_seconds: entries that another consumer has held for longer are taken over.
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
        self._applier = EventApplier(client, keys)
        self._claim_milliseconds = int(claim_seconds * 1_000)
        self._claim_from = b"0-0"
        self._claim_again = float("-inf")
        self._forget = client.register_script(FORGET)
        self._must_recover = True

    def step(self, block_milliseconds: int) -> int:
        """Apply one batch, waiting for it if need be; returns the number of its entries. Raises what the
        client raises; it can then simply be called again."""
        try:
            entries = self._next(block_milliseconds)
            if entries:
                self._handle(entries)
        except redis.ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self._must_recover = True
            return 0
        except UNREACHABLE:
            self._must_recover = True
            raise
        return len(entries)

    def _next(self, block_milliseconds: int) -> list[Entry]:
        """Entries delivered to this consumer but not applied (after a failure), then those of a silent
        consumer, then new ones."""
        if self._must_recover:
            self._make_group()
            if entries := self._read("0", None):
                return entries
            self._must_recover = False
        return self._claimed() or self._read(">", block_milliseconds)

    def _handle(self, entries: list[Entry]) -> None:
        events = [Event.decode(fields) for _, fields in entries]
        self._push(events)
        applied, set_aside = self._applier.apply(entries, events)
        self.applied += applied
        self.set_aside += set_aside
        if set_aside:
            log.error("%d entries of the stream cannot be read by this version and were set aside", set_aside)

    def _push(self, events: list[Event | None]) -> None:
        """An error in recommending must not prevent events from being applied."""
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
        reply: Any = self._client.xreadgroup(
            CONSUMER_GROUP, self._name, {self._stream: after}, count=BATCH, block=block_milliseconds
        )
        return list(reply[0][1]) if reply else []

    def _claimed(self) -> list[Entry]:
        """Entries of silent consumers; looked for twice within `claim_seconds`."""
        now = time.monotonic()
        if now < self._claim_again:
            return []
        self._claim_from, entries, *_ = self._client.xautoclaim(
            self._stream, CONSUMER_GROUP, self._name, self._claim_milliseconds, self._claim_from, count=BATCH
        )
        if self._claim_from == b"0-0":
            self._claim_again = now + self._claim_milliseconds / 2_000
            self._forget([self._stream], [CONSUMER_GROUP, _FORGET_MILLISECONDS])
        return [entry for entry in entries if entry[0] is not None]
