"""Takes events in: checks a batch, sends what is good of it to Redis in one round trip, says what became
of it.

Whether a batch that got no answer was taken is not known. It is reported as not accepted, and sending it
again is safe.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import redis.asyncio

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.errors import BacklogError, EventsUnavailableError
from hybrid_recs.events.event import ACCEPT, BadEventError, Event, accept_arguments, arrival, parse

_MAX_CONNECTIONS = 8
_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """Why the event at `index` of the batch was not accepted."""

    index: int
    event_id: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """What became of a batch; the three add up to its events."""

    accepted: int
    duplicates: int
    rejected: list[RejectedEvent]


class EventIntake:
    """The way in of one worker; belongs to one event loop."""

    def __init__(
        self, client: redis.asyncio.Redis, keys: Keys, most_pending: int, session_ttl: int, user_ttl: int
    ) -> None:
        self._client = client
        self._keys = keys
        self._limits = most_pending, session_ttl, user_ttl
        self._script = client.register_script(ACCEPT)
        self._turns = asyncio.Semaphore(_MAX_CONNECTIONS)
        self._away_until = 0.0

    async def take(self, batch: Sequence[object]) -> IntakeResult:
        """Accept the good events of a batch; raises EventsError with none of them accepted, as far as is
        known."""
        now = arrival()
        events, rejected = _checked(batch, now)
        if not events:
            return IntakeResult(0, 0, rejected)
        fates = await self._accept(events, now)
        if isinstance(fates, int):
            raise BacklogError(
                f"{fates:,} events wait in Redis, more than are kept; run: make consume-events "
                "(or raise HYBRID_RECS_EVENTS_MAX_PENDING)"
            )
        accepted = sum(fates)
        return IntakeResult(accepted, len(fates) - accepted, rejected)

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def _accept(self, events: list[Event], now: float) -> list[int] | int:
        keys, arguments = accept_arguments(self._keys, events, now, *self._limits)
        async with self._turns:
            # Those who queued behind a failure would each wait for the timeout in turn.
            if time.monotonic() < self._away_until:
                raise EventsUnavailableError("Redis is out of reach: no event was accepted, send them again")
            try:
                fates: list[int] | int = await self._script(keys, arguments)
            except UNREACHABLE as error:
                self._away_until = time.monotonic() + _PAUSE_SECONDS
                raise EventsUnavailableError(
                    f"Redis did not confirm the events ({error}): send them again, each counts once"
                ) from error
        return fates


def _checked(batch: Sequence[object], now: float) -> tuple[list[Event], list[RejectedEvent]]:
    events, rejected = [], []
    for index, raw in enumerate(batch):
        try:
            events.append(parse(raw, now))
        except BadEventError as error:
            event_id = raw.get("event_id") if isinstance(raw, dict) else None
            known = event_id if isinstance(event_id, str) else None
            rejected.append(RejectedEvent(index, known, error.code, str(error)))
    return events, rejected
