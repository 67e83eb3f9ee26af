"""CPU time of a request without sockets: python -m benchmarks.in_process.

uvicorn's protocol and an application run in one process and get requests as bytes, over 32 connections at a
time. Measured is the CPU time of the one thread, so that other load on the machine disturbs little; the
minimum of the rounds is the undisturbed figure. Uses the index built by `python -m benchmarks.bench`, and a
real Redis.
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import click
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from benchmarks.servers.ceiling import Asgi, Message
from benchmarks.servers.ceiling import create_app as ceiling
from benchmarks.speed import traffic
from benchmarks.speed.built_index import BuiltIndex
from benchmarks.speed.harness import load_hot_lists, own_redis
from hybrid_recs.online.app import create_app
from hybrid_recs.settings import Settings

_BUILT = Path(__file__).parents[1] / "var" / "bench"
_CONNECTIONS = 32
_DRAWN = 100_000


class _ResponseSink(asyncio.Transport):
    """Receives what the server writes; keeps the last response."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 80), "peername": ("127.0.0.1", 50_000)})
        self.last = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.last = bytes(data)

    def is_closing(self) -> bool:
        return False

    def resume_reading(self) -> None:
        pass


@asynccontextmanager
async def lifespan(app: Asgi) -> AsyncIterator[None]:
    """Start and stop the application with ASGI lifespan events, as uvicorn does."""
    events: asyncio.Queue[Message] = asyncio.Queue()
    replies: asyncio.Queue[Message] = asyncio.Queue()
    task = asyncio.ensure_future(app({"type": "lifespan", "asgi": {}}, events.get, replies.put))
    for phase in ("startup", "shutdown"):
        events.put_nowait({"type": f"lifespan.{phase}"})
        await replies.get()
        if phase == "startup":
            yield
    await task


async def request_microseconds(
    app: Asgi, paths: list[str], rounds: int, requests: int
) -> tuple[float, float, bytes]:
    """Minimum and median CPU time per request over the rounds, and a response."""
    config = uvicorn.Config(app, access_log=False, server_header=False, timeout_keep_alive=3_600)
    config.load()
    state, microseconds = ServerState(), []
    connections = [(HttpToolsProtocol(config, state, {}), _ResponseSink()) for _ in range(_CONNECTIONS)]
    for protocol, responses in connections:
        protocol.connection_made(responses)
    stream = cycle([f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in paths])
    for _ in range(rounds):
        started = time.thread_time()
        for _ in range(requests // _CONNECTIONS):
            for (protocol, _), request in zip(connections, islice(stream, _CONNECTIONS), strict=True):
                protocol.data_received(request)
            # `cycle` is None before the first request, whatever its annotation says.
            while any(
                protocol.cycle and not protocol.cycle.response_complete  # type: ignore[truthy-bool]
                for protocol, _ in connections
            ):
                await asyncio.sleep(0)
        microseconds.append((time.thread_time() - started) / requests * 1e6)
    return min(microseconds), median(microseconds), connections[0][1].last


async def _measure(index: BuiltIndex, redis_url: str, var: Path, rounds: int, requests: int) -> None:
    generation = index.current
    few, many = traffic.hot_rows(generation, 50), traffic.hot_rows(generation, 5_000)
    kinds = {
        "hot, from memory": (few, 64),
        "hot, from Redis each time": (many, 0),
        "Zipf traffic": (traffic.zipf_rows(generation, _DRAWN), 64),
    }
    for name, (rows, local_cache_mb) in kinds.items():
        app = create_app(
            Settings(index_dir=index.folder, redis_url=redis_url, var_dir=var, local_cache_mb=local_cache_mb)
        )
        paths = traffic.request_paths(generation, rows)
        async with lifespan(app):
            minimum, middle, response = await request_microseconds(app, paths, rounds, requests)
        _print(name, minimum, middle)
    head, _, body = response.partition(b"\r\n\r\n")
    headers = [line.decode().split(": ") for line in head.split(b"\r\n")[1:]]
    (var / "response.json").write_text(json.dumps({"headers": headers, "body": body.decode()}))
    bare_app = ceiling(var / "response.json")
    paths = traffic.request_paths(generation, few)
    minimum, middle, _ = await request_microseconds(bare_app, paths, rounds, requests)
    _print("bare ASGI", minimum, middle)


def _print(name: str, minimum: float, middle: float) -> None:
    click.echo(f"{name:26s} minimum {minimum:6.1f} µs, median {middle:6.1f} µs")


@click.command(help=__doc__)
@click.option("--items", default=1_000_000, show_default=True, help="size of the built catalogue")
@click.option("--rounds", default=40, show_default=True)
@click.option("--requests", default=1_920, show_default=True, help="requests per round")
def main(items: int, rounds: int, requests: int) -> None:
    index, folder = BuiltIndex(_BUILT / f"{items}-items" / "index", items), Path(tempfile.mkdtemp())
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with own_redis(folder) as url:
        load_hot_lists(url, index.current)
        uvloop.run(_measure(index, url, folder, rounds, requests))


if __name__ == "__main__":
    main()
