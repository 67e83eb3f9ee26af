"""What is known of a visitor at this moment, read from Redis in one round trip.

Items lie newest first as `<stream id> <item id>`; the newest one's stream id is the version of the state.
"""

from dataclasses import dataclass

import redis.asyncio

from hybrid_recs.keys import Keys
from hybrid_recs.redis_client import UNREACHABLE


@dataclass(frozen=True, slots=True)
class VisitorState:
    """items: what the visitor met lately, oldest first; version: of the last event, None before the first.

    stored: what was computed ahead for a session or a user, as bytes; None: nothing.
    """

    items: tuple[str, ...] = ()
    version: bytes | None = None
    stored: bytes | None = None


class Visitors:
    """Reads sessions and users; without Redis nothing is known of anybody."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def session(self, session_id: str) -> VisitorState:
        """A session, with the list last pushed for it."""
        return await self._state(self._keys.session(session_id), self._keys.pushed(session_id))

    async def user(self, user_id: str, generation: str) -> VisitorState:
        """A user, with the list stored for the generation."""
        return await self._state(self._keys.user(user_id), self._keys.prediction(generation, user_id))

    async def _state(self, items_key: str, stored_key: str) -> VisitorState:
        pipeline = self._client.pipeline(transaction=False)
        pipeline.lrange(items_key, 0, -1)
        pipeline.get(stored_key)
        try:
            newest_first, stored = await pipeline.execute()
        except UNREACHABLE:
            return VisitorState()
        pairs = [entry.partition(b" ") for entry in newest_first]
        items = tuple(item.decode("utf-8", "replace") for _, _, item in reversed(pairs))
        return VisitorState(items, pairs[0][0] if pairs else None, stored)
