"""Keeps the serving generation's lists in Redis, which is a cache of the files on disk.

If the ready marker is missing (flushed, restarted empty, expired, never loaded), all lists are loaded again;
a single list that Redis evicted is written back by itself.
"""

import asyncio
import logging

import redis
import redis.asyncio

from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.list_loader import load_lists
from hybrid_recs.generation.generation import Generation

log = logging.getLogger(__name__)

_LOADING_SECONDS = 60
_MAX_REPAIRS = 1_000


class ListKeeper:
    """One per worker; one worker at a time loads all lists."""

    def __init__(self, url: str, keys: Keys, ttl_seconds: int) -> None:
        self._url = url
        self._keys = keys
        self._ttl_seconds = ttl_seconds
        self._missing: set[int] = set()
        self._missing_generation: str | None = None
        self._loaded_generation: str | None = None

    def loaded(self, generation: Generation) -> bool:
        """Whether all lists were in Redis at the last check: a list that is missing now was lost."""
        return self._loaded_generation == generation.id

    def restore(self, generation: Generation, row: int) -> None:
        """Have the next `keep` write the list of a hot row back."""
        if self._missing_generation != generation.id:
            self._missing_generation = generation.id
            self._missing.clear()
        if len(self._missing) < _MAX_REPAIRS:
            self._missing.add(row)

    async def keep(self, client: redis.asyncio.Redis, generation: Generation) -> None:
        """Load all lists or write missing ones back, if necessary."""
        ready = await client.get(self._keys.ready(generation.id)) is not None
        self._loaded_generation = generation.id if ready else None
        if not ready:
            locked = await client.set(self._keys.loading(generation.id), 1, nx=True, ex=_LOADING_SECONDS)
            if locked:
                await self._load_all(client, generation)
        elif self._missing and self._missing_generation == generation.id:
            await self._write_missing(client, generation)

    async def _load_all(self, client: redis.asyncio.Redis, generation: Generation) -> None:
        try:
            count = await asyncio.to_thread(self._load, generation)
            log.info("loaded %d neighbour lists of generation %s into Redis", count, generation.id)
        finally:
            await client.delete(self._keys.loading(generation.id))

    def _load(self, generation: Generation) -> int:
        with connect(self._url) as client:
            return load_lists(client, self._keys, generation, self._ttl_seconds)

    async def _write_missing(self, client: redis.asyncio.Redis, generation: Generation) -> None:
        rows, self._missing = self._missing, set()
        pipeline = client.pipeline(transaction=False)
        for row in rows:
            name = self._keys.neighbours(generation.id, generation.catalogue.item_id(row))
            pipeline.set(name, generation.hot.encoded(row) or b"", ex=self._ttl_seconds)
        await pipeline.execute()
        log.info("wrote %d missing neighbour lists back into Redis", len(rows))
