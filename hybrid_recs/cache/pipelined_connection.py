"""One connection to Redis for reads on the way of a request: commands out, replies in, nothing in between.

redis-py's asyncio client spends some 140 µs of processor time on a command, be it an MGET of many lists or
of one; this spends about 15. redis-py still reads the URL (redis://, rediss://, unix://) and makes the TLS
context; the replies are read by hiredis. Everything else that talks to Redis uses redis-py.
"""

import asyncio
from collections import deque
from typing import Any, cast

import hiredis
import redis.asyncio


class PipelinedConnection(asyncio.Protocol):
    """Answers commands in the order they are asked; once it is lost it stays lost: open another.

    A server that does not answer one command within the timeout is given up, with all that was asked of it.
    """

    def __init__(self, timeout: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout
        self._transport: asyncio.Transport | None = None
        self._replies = hiredis.Reader()
        self._asked: deque[tuple[asyncio.Future[Any], asyncio.TimerHandle]] = deque()

    @property
    def lost(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._transport is None

    def ask(self, *command: str | int) -> asyncio.Future[Any]:
        """The reply; raises what redis-py would: redis.RedisError, or TimeoutError."""
        reply: asyncio.Future[Any] = self._loop.create_future()
        if self._transport is None:
            reply.set_exception(redis.ConnectionError("the connection to Redis is lost"))
        else:
            # Their stub says a tuple of one.
            self._transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]
            self._asked.append((reply, self._loop.call_later(self._timeout, self._late, reply)))
        return reply

    def close(self) -> None:
        """Give the connection back."""
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
        except hiredis.ProtocolError as error:
            self._lose(redis.InvalidResponse(f"this is not what Redis says: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._lose(redis.ConnectionError(f"Redis closed the connection: {exc}"))

    def _answer(self, reply: Any) -> None:
        if not self._asked:
            raise hiredis.ProtocolError("a reply to nothing")
        future, timer = self._asked.popleft()
        timer.cancel()
        if future.done():  # whoever asked has gone
            return
        if isinstance(reply, hiredis.ReplyError):
            future.set_exception(redis.ResponseError(str(reply)))
        else:
            future.set_result(reply)

    def _late(self, reply: asyncio.Future[Any], turns: int = 2) -> None:
        """Give the server up, unless the reply has come while the loop was busy: timers run before sockets
        are read, so that takes a turn of the loop to show."""
        if turns and not reply.done():
            self._loop.call_soon(self._late, reply, turns - 1)
        elif not reply.done():
            self._lose(TimeoutError("Redis did not answer in time"))

    def _lose(self, error: Exception) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        asked, self._asked = self._asked, deque()
        for future, timer in asked:
            timer.cancel()
            if not future.done():
                future.set_exception(error)


async def open_connection(url: str, timeout: float) -> PipelinedConnection:
    """Connected, logged in, and answering; `timeout` is for all of that, and then for each command.

    Raises what UNREACHABLE names.
    """
    server = redis.asyncio.ConnectionPool.from_url(url).make_connection()  # type: ignore[no-untyped-call]
    async with asyncio.timeout(timeout):
        pipe = await _connected(server, timeout)
        try:
            if server.username or server.password:
                user = [server.username] if server.username else []
                await pipe.ask("AUTH", *user, server.password or "")
            if server.db:
                await pipe.ask("SELECT", server.db)
            await pipe.ask("PING")
        except BaseException:
            pipe.close()
            raise
    return pipe


async def _connected(server: redis.asyncio.Connection, timeout: float) -> PipelinedConnection:
    loop = asyncio.get_running_loop()
    if isinstance(server, redis.asyncio.UnixDomainSocketConnection):
        _, pipe = await loop.create_unix_connection(lambda: PipelinedConnection(timeout), server.path)
        return pipe
    tls = server.ssl_context.get() if isinstance(server, redis.asyncio.SSLConnection) else None
    _, pipe = await loop.create_connection(
        lambda: PipelinedConnection(timeout), server.host, server.port, ssl=tls
    )
    return pipe
