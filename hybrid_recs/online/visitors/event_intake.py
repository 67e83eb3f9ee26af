"""Event intake: checks a batch, sends the valid events to Redis in one round trip, reports the result.

A batch that Redis did not confirm may or may not have been stored. It is reported as not accepted; sending it
again is safe, because an event counts once.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import redis.asyncio

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.redis_problems import describe
from hybrid_recs.errors import BacklogError, EventsUnavailableError
from hybrid_recs.events.event import ACCEPT, BadEventError, Event, accept_arguments, arrival, parse
from hybrid_recs.health import Check

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
    """The result of a batch; the three add up to the number of its events."""

    accepted: int
    duplicates: int
    rejected: list[RejectedEvent]


class EventIntake:
    """The intake of one worker; belongs to one event loop."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        keys: Keys,
        max_pending: int,
        session_ttl: int,
        user_ttl: int,
        check: Check,
    ) -> None:
        self._client = client
        self._check = check
        self._keys = keys
        self._limits = max_pending, session_ttl, user_ttl
        self._script = client.register_script(ACCEPT)
        self._connections = asyncio.Semaphore(_MAX_CONNECTIONS)
        self._unreachable_until = 0.0

    async def take(self, batch: Sequence[object]) -> IntakeResult:
        """Accept the valid events of a batch. Raises EventsError when Redis confirmed none of them."""
        now = arrival()
        events, rejected = _check(batch, now)
        if not events:
            return IntakeResult(0, 0, rejected)
        results = await self._accept(events, now)
        if isinstance(results, int):
            raise BacklogError(
                f"{results:,} events wait in Redis, more than are kept; run: make consume-events "
                "(or raise HYBRID_RECS_EVENTS_MAX_PENDING)"
            )
        accepted = sum(results)
        return IntakeResult(accepted, len(results) - accepted, rejected)

    async def close(self) -> None:
        await self._client.aclose()

    async def _accept(self, events: list[Event], now: float) -> list[int] | int:
        keys, arguments = accept_arguments(self._keys, events, now, *self._limits)
        async with self._connections:
            # Batches that queued behind a failure would otherwise wait for one timeout after the other.
            if time.monotonic() < self._unreachable_until:
                raise EventsUnavailableError("Redis is unreachable: no event was accepted, send them again")
            try:
                results: list[int] | int = await self._script(keys, arguments)
            except UNREACHABLE as error:
                problem = describe(error)
                self._check.record_failure(problem)
                self._unreachable_until = time.monotonic() + _PAUSE_SECONDS
                raise EventsUnavailableError(
                    f"Redis did not confirm the events ({problem.text}): send them again, each counts once"
                ) from error
            if self._check.failing:
                self._check.record_success()
        return results


def _check(batch: Sequence[object], now: float) -> tuple[list[Event], list[RejectedEvent]]:
    events, rejected = [], []
    for index, raw in enumerate(batch):
        try:
            events.append(parse(raw, now))
        except BadEventError as error:
            event_id = raw.get("event_id") if isinstance(raw, dict) else None
            event_id = event_id if isinstance(event_id, str) else None
            rejected.append(RejectedEvent(index, event_id, error.code, str(error)))
    return events, rejected
