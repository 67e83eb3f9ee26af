"""One connection to Redis for the reads of requests: commands out, replies in, nothing in between.

redis-py's asyncio client spends some 140 µs of processor time on a command, be it an MGET of many lists or of
one; this spends about 15. redis-py still parses the URL (redis://, rediss://, unix://) and creates the TLS
context; hiredis parses the replies. Everything else that talks to Redis uses redis-py.
"""

import asyncio
from collections import deque
from typing import Any, cast

import hiredis
import redis.asyncio


class PipelinedConnection(asyncio.Protocol):
    """Sends commands and matches the replies in their order. A lost connection stays lost: open another.

    If the server does not answer one command within the timeout, the connection is closed and all commands
    fail.
    """

    def __init__(self, timeout: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout
        self._transport: asyncio.Transport | None = None
        self._replies = hiredis.Reader()
        self._pending: deque[tuple[asyncio.Future[Any], asyncio.TimerHandle]] = deque()

    @property
    def lost(self) -> bool:
        return self._transport is None

    def execute(self, *command: str | int) -> asyncio.Future[Any]:
        """The reply; raises as redis-py does: redis.RedisError, or TimeoutError."""
        reply: asyncio.Future[Any] = self._loop.create_future()
        if self._transport is None:
            reply.set_exception(redis.ConnectionError("the connection to Redis is lost"))
        else:
            # The stub of hiredis takes a tuple of one element only.
            self._transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]
            self._pending.append((reply, self._loop.call_later(self._timeout, self._late, reply)))
        return reply

    def close(self) -> None:
        self._lose(redis.ConnectionError("the connection to Redis was closed"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop with some of the replies' bytes."""
        try:
            self._replies.feed(data)
            while (reply := self._replies.gets()) is not False:
                self._answer(reply)
        # Whatever the bytes were, those who wait for replies must not wait for ever.
        except Exception as error:
            self._lose(redis.InvalidResponse(f"not a reply of Redis: {error!r}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._lose(redis.ConnectionError(f"Redis closed the connection: {exc}"))

    def _answer(self, reply: Any) -> None:
        if not self._pending:
            raise hiredis.ProtocolError("a reply without a command")
        future, timer = self._pending.popleft()
        timer.cancel()
        if future.done():  # the caller was cancelled
            return
        if isinstance(reply, hiredis.ReplyError):
            future.set_exception(redis.ResponseError(str(reply)))
        else:
            future.set_result(reply)

    def _late(self, reply: asyncio.Future[Any], turns: int = 2) -> None:
        """Close the connection, unless the reply arrived while the loop was busy: timers run before sockets
        are read, so that shows only in the next turn of the loop."""
        if turns and not reply.done():
            self._loop.call_soon(self._late, reply, turns - 1)
        elif not reply.done():
            self._lose(TimeoutError("Redis did not answer in time"))

    def _lose(self, error: Exception) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        pending, self._pending = self._pending, deque()
        for future, timer in pending:
            timer.cancel()
            if not future.done():
                future.set_exception(error)


async def open_connection(url: str, timeout: float) -> PipelinedConnection:
    """A connection that is authenticated and answers; `timeout` is for all of that, and then for each
    command.

    Raises what UNREACHABLE names.
    """
    server = redis.asyncio.ConnectionPool.from_url(url).make_connection()  # type: ignore[no-untyped-call]
    async with asyncio.timeout(timeout):
        connection = await _connected(server, timeout)
        try:
            if server.username or server.password:
                user = [server.username] if server.username else []
                await connection.execute("AUTH", *user, server.password or "")
            if server.db:
                await connection.execute("SELECT", server.db)
            await connection.execute("PING")
        except BaseException:
            connection.close()
            raise
    return connection


async def _connected(server: redis.asyncio.Connection, timeout: float) -> PipelinedConnection:
    loop = asyncio.get_running_loop()
    if isinstance(server, redis.asyncio.UnixDomainSocketConnection):
        _, connection = await loop.create_unix_connection(lambda: PipelinedConnection(timeout), server.path)
        return connection
    tls = server.ssl_context.get() if isinstance(server, redis.asyncio.SSLConnection) else None
    _, connection = await loop.create_connection(
        lambda: PipelinedConnection(timeout), server.host, server.port, ssl=tls
    )
    return connection
