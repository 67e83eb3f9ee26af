"""Reads neighbour lists from Redis without ever making a request wait for a server that is not there.

Reads that arrive while one is under way are sent together as the next MGET, over one connection. After
a failure the breaker is open: reads fail at once, and a background task asks the server until it answers.
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
    """Packed lists by key; belongs to one event loop. `timeout` in seconds."""

    def __init__(self, url: str, timeout: float) -> None:
        self.errors = 0
        self._url = url
        self._timeout = timeout
        self._pipe: PipelinedConnection | None = None
        self._waiting: list[tuple[str, asyncio.Future[bytes | None]]] = []
        self._reader: asyncio.Task[None] | None = None
        self._probe: asyncio.Task[None] | None = None

    @property
    def available(self) -> bool:
        """Whether reads are being sent, as far as is known."""
        return self._probe is None

    def get(self, key: str) -> asyncio.Future[bytes | None]:
        """The value of `key` or None; raises CacheUnavailableError, at the latest after the timeout."""
        if self._probe is not None:
            raise CacheUnavailableError("the cache is out of reach")
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, future))
        if self._reader is None:
            self._reader = asyncio.create_task(self._read())
        return future

    async def close(self) -> None:
        """Stop the background tasks and give the connection back."""
        for task in (self._reader, self._probe):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if self._pipe is not None:
            self._pipe.close()

    async def _open_pipe(self) -> PipelinedConnection:
        """The connection, a new one where there is none (any more)."""
        if self._pipe is None or self._pipe.lost:
            self._pipe = await open_connection(self._url, self._timeout)
        return self._pipe

    async def _read(self) -> None:
        batch: list[tuple[str, asyncio.Future[bytes | None]]] = []
        try:
            while self._waiting:
                pipe = await self._open_pipe()
                batch, self._waiting = self._waiting[:_MAX_KEYS], self._waiting[_MAX_KEYS:]
                values: list[bytes | None] = await pipe.ask("MGET", *[key for key, _ in batch])
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
        if self._pipe is not None:
            self._pipe.close()
        if self._probe is None:
            log.warning("Redis is out of reach, answering by live search: %r", error)
            self._probe = asyncio.create_task(self._ask_until_it_answers())

    async def _ask_until_it_answers(self) -> None:
        pause = _FIRST_PROBE_SECONDS
        while True:
            try:
                await (await self._open_pipe()).ask("PING")
                break
            except UNREACHABLE:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _PROBE_SECONDS)
        log.info("Redis answers again")
        self._probe = None
