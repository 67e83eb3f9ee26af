"""Reads neighbour lists from Redis; a request never waits for a server that is down.

Reads that arrive while another is in progress are sent together as the next MGET, over one connection. After
a failure the circuit breaker is open: reads fail at once, and a background task probes the server until it
answers.
"""

import asyncio
import contextlib
from collections.abc import Sequence

import redis

from hybrid_recs.cache.pipelined_connection import PipelinedConnection, open_connection
from hybrid_recs.cache.redis_problems import describe
from hybrid_recs.errors import CacheUnavailableError
from hybrid_recs.health import Check, separate_check

_MAX_KEYS = 256
_FIRST_PROBE_SECONDS = 0.01
_PROBE_SECONDS = 0.25

Read = tuple[str, asyncio.Future[bytes | None]]
"""A key, and who waits for its value."""


class NeighbourCache:
    """Encoded lists by key; belongs to one event loop. `timeout` in seconds. check: told how reads go."""

    def __init__(self, url: str, timeout: float, check: Check | None = None) -> None:
        self.errors = 0
        self._check = check or separate_check("list_reads")
        self._url = url
        self._timeout = timeout
        self._connection: PipelinedConnection | None = None
        self._waiting: list[Read] = []
        self._reader: asyncio.Task[None] | None = None
        self._probe: asyncio.Task[None] | None = None

    @property
    def available(self) -> bool:
        """Whether the circuit breaker is closed, so that reads are sent."""
        return self._probe is None

    def get(self, key: str) -> asyncio.Future[bytes | None]:
        """The value of `key` or None; raises CacheUnavailableError, at the latest after the timeout."""
        if self._probe is not None:
            raise CacheUnavailableError("the cache is unreachable")
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, future))
        if self._reader is None:
            self._reader = asyncio.create_task(self._read())
        return future

    async def close(self) -> None:
        """Stop the background tasks and close the connection."""
        for task in (self._reader, self._probe):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if self._connection is not None:
            self._connection.close()

    async def _connect(self) -> PipelinedConnection:
        """The connection, which is opened if there is none or it was lost."""
        if self._connection is None or self._connection.lost:
            self._connection = await open_connection(self._url, self._timeout)
        return self._connection

    async def _fetch(self, names: Sequence[str]) -> list[bytes | None]:
        """One value per key; raises redis.InvalidResponse for a reply of another shape."""
        reply = await (await self._connect()).execute("MGET", *names)
        if not isinstance(reply, list) or len(reply) != len(names):
            raise redis.InvalidResponse(f"not {len(names)} values in answer to MGET: {reply!r:.100}")
        for value in reply:
            if value is not None and not isinstance(value, bytes):
                raise redis.InvalidResponse(f"neither text nor null in answer to MGET: {value!r:.100}")
        return reply

    async def _read(self) -> None:
        batch: list[Read] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_MAX_KEYS], self._waiting[_MAX_KEYS:]
                values = await self._fetch([key for key, _ in batch])
                if self._check.failing:
                    self._check.record_success()
                for (_, future), value in zip(batch, values, strict=True):
                    if not future.done():
                        future.set_result(value)
        except Exception as error:  # whatever it is, the requests are answered without the cache
            self._open_breaker(error, batch[0][0])
        finally:
            # Also when this task is cancelled: a request that waits for it must not wait for ever.
            self._reader = None
            unread, self._waiting = batch + self._waiting, []
            self._fail(unread)

    def _fail(self, reads: list[Read]) -> None:
        for _, future in reads:
            if not future.done():
                future.set_exception(CacheUnavailableError("the cache did not answer"))

    def _open_breaker(self, error: Exception, key: str) -> None:
        self.errors += 1
        self._check.record_failure(describe(error))
        if self._connection is not None:
            self._connection.close()
        if self._probe is None:
            self._probe = asyncio.create_task(self._probe_until_it_answers(key))

    async def _probe_until_it_answers(self, key: str) -> None:
        """Reads `key`, which could not be read: a server may answer PING and no MGET."""
        pause = _FIRST_PROBE_SECONDS
        while True:
            try:
                await self._fetch([key])
                break
            except Exception as error:
                self._check.record_failure(describe(error))
                if self._connection is not None:
                    self._connection.close()
                await asyncio.sleep(pause)
                pause = min(2 * pause, _PROBE_SECONDS)
        self._check.record_success()
        self._probe = None
