"""Reads the state of a visitor: the latest items, and the precomputed list of the session or user.

Works as `cache/neighbour_cache.py` does for neighbour lists: reads that arrive while one is under way share
the next round trip, and for a moment after a failure nothing is sent. A visitor whose state cannot be read is
unavailable, which is not the same as unknown.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis.asyncio

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.redis_problems import describe
from hybrid_recs.events.event import parse_visitor_items
from hybrid_recs.generation.scoring import MAX_HISTORY
from hybrid_recs.health import Check

_MAX_PER_ROUND_TRIP = 64
_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class VisitorState:
    """items: ids of the latest items, oldest first. version: stream id of the last event, None before the
    first.

    stored: the encoded list that was precomputed for the session or user; None: there is none.
    unavailable: Redis could not be read, so that some of it, or all, is missing here.
    """

    items: tuple[str, ...] = ()
    version: bytes | None = None
    stored: bytes | None = None
    unavailable: bool = False


UNAVAILABLE = VisitorState(unavailable=True)

_Read = tuple[str, str, "asyncio.Future[VisitorState]"]
"""The keys of a visitor's items and precomputed list, and the future that waits for both."""


class VisitorStateReader:
    """The reader of one worker; belongs to one event loop."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, check: Check) -> None:
        self._client = client
        self._check = check
        self._keys = keys
        self._waiting: list[_Read] = []
        self._reader: asyncio.Task[None] | None = None
        self._unreachable_until = 0.0

    async def session(self, session_id: str) -> VisitorState:
        """The state of a session, with the list that a consumer stored for it."""
        return await self._state(self._keys.session(session_id), self._keys.session_list(session_id))

    async def user(self, user_id: str, spelt: str, generation: str) -> VisitorState:
        """The state of a user, with the list a batch job stored for this generation.

        spelt: the id as that generation spells it.
        """
        return await self._state(self._keys.user(user_id), self._keys.user_list(generation, spelt))

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        await self._client.aclose()

    async def _state(self, items_key: str, stored_key: str) -> VisitorState:
        if time.monotonic() < self._unreachable_until:
            return UNAVAILABLE
        future: asyncio.Future[VisitorState] = asyncio.get_running_loop().create_future()
        self._waiting.append((items_key, stored_key, future))
        if self._reader is None:
            self._reader = asyncio.create_task(self._read_waiting())
        return await future

    async def _read_waiting(self) -> None:
        batch: list[_Read] = []
        try:
            while self._waiting:
                batch, self._waiting = (
                    self._waiting[:_MAX_PER_ROUND_TRIP],
                    self._waiting[_MAX_PER_ROUND_TRIP:],
                )
                pipeline = self._client.pipeline(transaction=False)
                for items_key, stored_key, _ in batch:
                    pipeline.lrange(items_key, 0, MAX_HISTORY - 1)
                    pipeline.get(stored_key)
                values = await pipeline.execute(raise_on_error=False)
                self._record(values)
                for (_, _, future), entries, stored in zip(batch, values[::2], values[1::2], strict=True):
                    if not future.done():
                        future.set_result(_state_of(entries, stored))
        except UNREACHABLE as error:
            self._check.record_failure(describe(error))
            self._unreachable_until = time.monotonic() + _PAUSE_SECONDS
        finally:
            self._reader = None
            for _, _, future in (*batch, *self._waiting):
                if not future.done():
                    future.set_result(UNAVAILABLE)
            self._waiting = []

    def _record(self, values: Sequence[Any]) -> None:
        """Tell the check how a round trip went; an error reply for one visitor is no matter of the others."""
        error = next((value for value in values if isinstance(value, Exception)), None)
        if error is not None:
            self._check.record_failure(describe(error))
        elif self._check.failing:
            self._check.record_success()


def _state_of(entries: list[bytes] | Exception, stored: bytes | Exception | None) -> VisitorState:
    unavailable = isinstance(entries, Exception) or isinstance(stored, Exception)
    items, version = parse_visitor_items([] if isinstance(entries, Exception) else entries)
    return VisitorState(tuple(items), version, None if isinstance(stored, Exception) else stored, unavailable)
