"""Keeps Redis filled with the serving generation's lists: the disk is the truth, Redis a cache of it.

A missing marker (flushed, restarted empty, expired, never loaded) means loading all lists again; a list
that is missing on its own (evicted) is put back by itself.
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
    """Called once a second by every worker; one of them at a time does the loading."""

    def __init__(self, url: str, keys: Keys, ttl_seconds: int) -> None:
        self._url = url
        self._keys = keys
        self._ttl_seconds = ttl_seconds
        self._missing: set[int] = set()
        self._missing_of: str | None = None
        self._loaded: str | None = None

    def loaded(self, generation: Generation) -> bool:
        """Whether all its lists were in Redis when last looked: what is missing then was lost."""
        return self._loaded == generation.id

    def missing(self, generation: Generation, row: int) -> None:
        """Note that Redis lacks the list of a hot row."""
        if self._missing_of != generation.id:
            self._missing_of = generation.id
            self._missing.clear()
        if len(self._missing) < _MAX_REPAIRS:
            self._missing.add(row)

    async def keep(self, client: redis.asyncio.Redis, generation: Generation) -> None:
        """Load everything or put back what is missing, if need be."""
        ready = await client.get(self._keys.ready(generation.id)) is not None
        self._loaded = generation.id if ready else None
        if not ready:
            mine = await client.set(self._keys.loading(generation.id), 1, nx=True, ex=_LOADING_SECONDS)
            if mine:
                await self._load_all(client, generation)
        elif self._missing and self._missing_of == generation.id:
            await self._put_back(client, generation)

    async def _load_all(self, client: redis.asyncio.Redis, generation: Generation) -> None:
        try:
            loaded = await asyncio.to_thread(self._load, generation)
            log.info("loaded %d neighbour lists of generation %s into Redis", loaded, generation.id)
        finally:
            await client.delete(self._keys.loading(generation.id))

    def _load(self, generation: Generation) -> int:
        with connect(self._url) as client:
            return load_lists(client, self._keys, generation, self._ttl_seconds)

    async def _put_back(self, client: redis.asyncio.Redis, generation: Generation) -> None:
        rows, self._missing = self._missing, set()
        pipeline = client.pipeline(transaction=False)
        for row in rows:
            name = self._keys.neighbours(generation.id, generation.catalogue.item_id(row))
            pipeline.set(name, generation.hot.encoded(row) or b"", ex=self._ttl_seconds)
        await pipeline.execute()
        log.info("put %d missing neighbour lists back into Redis", len(rows))
