"""Our own connection to Redis, against real servers and, for what no Redis does, a real socket."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest
import redis

from benchmarks.ports import free_port
from hybrid_recs.cache import embedded_server
from hybrid_recs.cache.client import UNREACHABLE, connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.neighbour_cache import NeighbourCache
from hybrid_recs.cache.pipelined_connection import PipelinedConnection, open_connection
from hybrid_recs.errors import CacheUnavailableError
from tests.services import OwnRedis, wait_until

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

PASSWORD = "pass word/ü@:"
QUOTED = "pass%20word%2F%C3%BC%40%3A"


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """host:port of a server on TCP that wants a password."""
    port = free_port()
    command = [str(embedded_server.find_server()), "--port", str(port), "--requirepass", PASSWORD]
    server = Popen([*command, "--save", ""], stdout=DEVNULL)

    def answers() -> bool:
        try:
            with connect(f"redis://:{QUOTED}@127.0.0.1:{port}") as client:
                return bool(client.ping())
        except UNREACHABLE:
            return False

    try:
        wait_until(answers, what="the server")
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _with_pipe(url: str, use: Callable[[PipelinedConnection], Awaitable[None]], timeout: float = 1.0) -> None:
    async def run() -> None:
        pipe = await open_connection(url, timeout)
        try:
            await use(pipe)
        finally:
            pipe.close()
        assert pipe.lost

    asyncio.run(run())


def test_big_and_odd_values_come_whole(client: redis.Redis, keys: Keys, redis_url: str) -> None:
    values = [b"", b"\r\n$-1\r\n", os.urandom(3_000_000), bytes(range(256)), b"x" * 70_000]
    names = [keys.neighbours("g", f"ünïcödé {at}\r\n") for at in range(len(values))]
    for name, value in zip(names, values, strict=True):
        client.set(name, value, ex=60)

    async def use(pipe: PipelinedConnection) -> None:
        for _ in range(3):  # 3 MB come in many parts
            assert await pipe.execute("MGET", *names, "none") == [*values, None]

    _with_pipe(redis_url, use, timeout=10)


def test_commands_are_answered_in_order(redis_url: str) -> None:
    async def use(pipe: PipelinedConnection) -> None:
        output = [pipe.execute("ECHO", at) for at in range(500)]
        gone = pipe.execute("ECHO", "nobody waits for this")
        gone.cancel()
        assert await asyncio.gather(*output, pipe.execute("ECHO", "last")) == [
            *(b"%d" % at for at in range(500)),
            b"last",
        ]
        with pytest.raises(redis.ResponseError, match="wrong number of arguments"):
            await pipe.execute("MGET")
        assert await pipe.execute("PING") == b"PONG"

    _with_pipe(redis_url, use)


@asynccontextmanager
async def _pretending(folder: Path, handler: Handler) -> AsyncIterator[str]:
    """The URL of a server that is none; ends once its one connection has."""
    ended = asyncio.Event()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
            writer.close()
            await writer.wait_closed()
        finally:
            ended.set()

    async with await asyncio.start_unix_server(handled, folder / "socket"):
        yield f"unix://{folder / 'socket'}"
        await ended.wait()


def test_replies_in_pieces(tmp_path: Path) -> None:
    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        for byte in b"+PONG\r\n*2\r\n$3\r\na\r\n\r\n$-1\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.002)
        await reader.read()  # until the other end closes

    async def run() -> None:
        async with _pretending(tmp_path, dribble) as url:
            pipe = await open_connection(url, 1.0)
            assert await pipe.execute("MGET", "k", "none") == [b"a\r\n", None]
            pipe.close()

    asyncio.run(run())


@pytest.mark.parametrize("output", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+PONG\r\n+PONG\r\n+PONG\r\n", b""])
def test_what_is_no_redis(tmp_path: Path, output: bytes) -> None:
    """An answer that is none, one too many, or the end."""

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(output)

    async def run() -> None:
        async with _pretending(tmp_path, other) as url:
            with pytest.raises(UNREACHABLE):
                await (await open_connection(url, 1.0)).execute("PING")

    asyncio.run(run())


def test_password_database_and_what_is_refused(guarded: str) -> None:
    async def name_of_database(pipe: PipelinedConnection) -> None:
        await pipe.execute("SET", "where", "three", "EX", 60)
        assert "db=3" in (await pipe.execute("CLIENT", "LIST")).decode()

    _with_pipe(f"redis://:{QUOTED}@{guarded}/3", name_of_database)
    _with_pipe(f"redis://default:{QUOTED}@{guarded}/3", name_of_database)
    with connect(f"redis://:{QUOTED}@{guarded}/3") as client:
        assert client.get("where") == b"three"
    for refused in (f":wrong@{guarded}", f"nobody:{QUOTED}@{guarded}", guarded, f":{QUOTED}@{guarded}/999"):
        with pytest.raises(redis.ResponseError):
            asyncio.run(open_connection(f"redis://{refused}", 1.0))
    with pytest.raises(UNREACHABLE):  # TLS to a server that speaks none
        asyncio.run(open_connection(f"rediss://:{QUOTED}@{guarded}", 1.0))
    with pytest.raises(UNREACHABLE):
        asyncio.run(open_connection(f"redis://127.0.0.1:{free_port()}", 1.0))


def test_a_wrong_password_makes_the_cache_unavailable(guarded: str) -> None:
    async def run() -> None:
        cache = NeighbourCache(f"redis://:wrong@{guarded}", 1.0)
        with pytest.raises(CacheUnavailableError):
            await cache.get("key")
        assert not cache.available
        assert cache.errors == 1
        with pytest.raises(CacheUnavailableError):
            await cache.get("key")
        assert cache.errors == 1
        await cache.close()

    asyncio.run(run())


def test_hung_killed_and_back(own_redis: OwnRedis) -> None:
    """Every read waiting ends within the timeout; later ones at once; then the cache comes back by itself."""

    async def back(cache: NeighbourCache) -> None:
        async with asyncio.timeout(10):
            while not cache.available:
                await asyncio.sleep(0.02)

    async def run() -> None:
        with connect(own_redis.url) as client:
            client.set("key", "value", ex=60)
        cache, pid = NeighbourCache(own_redis.url, 0.2), own_redis.pid
        assert await cache.get("key") == b"value"
        os.kill(pid, signal.SIGSTOP)
        started = time.monotonic()
        waiting = [cache.get("key") for _ in range(3)]
        await asyncio.sleep(0.05)
        waiting += [cache.get("key") for _ in range(3)]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in found] == [CacheUnavailableError] * 6
        assert 0.15 < time.monotonic() - started < 0.6
        assert (cache.available, cache.errors) == (False, 1)
        os.kill(pid, signal.SIGCONT)
        await back(cache)
        assert await cache.get("key") == b"value"
        await asyncio.to_thread(own_redis.kill)
        with pytest.raises(CacheUnavailableError):
            await cache.get("key")
        await asyncio.to_thread(own_redis.start)
        await back(cache)
        assert await cache.get("none") is None
        assert cache.errors == 2
        await cache.close()

    asyncio.run(run())


def test_a_restart_while_nothing_is_asked_goes_unnoticed(own_redis: OwnRedis) -> None:
    async def run() -> None:
        cache = NeighbourCache(own_redis.url, 1.0)
        assert await cache.get("none") is None
        await asyncio.to_thread(own_redis.kill)
        await asyncio.to_thread(own_redis.start)
        assert await cache.get("none") is None
        assert (cache.available, cache.errors) == (True, 0)
        await cache.close()

    asyncio.run(run())
