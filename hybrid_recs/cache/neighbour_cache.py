"""Reads neighbour lists from Redis; a request never waits for a server that is down.

Reads that arrive while another is in progress are sent together as the next MGET, over one connection. After
a failure the circuit breaker is open: reads fail at once, and a background task probes the server until it
answers.
"""

import asyncio
import contextlib
import logging

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.pipelined_connection import PipelinedConnection, open_connection
from hybrid_recs.errors import CacheUnavailableError

log = logging.getLogger(__name__)

_MAX_KEYS = 256
_FIRST_PROBE_SECONDS = 0.01
_PROBE_SECONDS = 0.25


class NeighbourCache:
    """Encoded lists by key; belongs to one event loop. `timeout` in seconds."""

    def __init__(self, url: str, timeout: float) -> None:
        self.errors = 0
        self._url = url
        self._timeout = timeout
        self._connection: PipelinedConnection | None = None
        self._waiting: list[tuple[str, asyncio.Future[bytes | None]]] = []
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

    async def _read(self) -> None:
        batch: list[tuple[str, asyncio.Future[bytes | None]]] = []
        try:
            while self._waiting:
                connection = await self._connect()
                batch, self._waiting = self._waiting[:_MAX_KEYS], self._waiting[_MAX_KEYS:]
                values: list[bytes | None] = await connection.execute("MGET", *[key for key, _ in batch])
                for (_, future), value in zip(batch, values, strict=True):
                    if not future.done():
                        future.set_result(value)
        except UNREACHABLE as error:
            self._open_breaker(error)
            self._fail(batch + self._waiting)
            self._waiting = []
        finally:
            self._reader = None

    def _fail(self, reads: list[tuple[str, asyncio.Future[bytes | None]]]) -> None:
        for _, future in reads:
            if not future.done():
                future.set_exception(CacheUnavailableError("the cache did not answer"))

    def _open_breaker(self, error: Exception) -> None:
        self.errors += 1
        if self._connection is not None:
            self._connection.close()
        if self._probe is None:
            log.warning("Redis is unreachable, falling back to live search: %r", error)
            self._probe = asyncio.create_task(self._probe_until_it_answers())

    async def _probe_until_it_answers(self) -> None:
        pause = _FIRST_PROBE_SECONDS
        while True:
            try:
                await (await self._connect()).execute("PING")
                break
            except UNREACHABLE:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _PROBE_SECONDS)
        log.info("Redis answers again")
        self._probe = None
