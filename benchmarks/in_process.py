"""What a request costs without its sockets: python -m benchmarks.in_process.

uvicorn's protocol and an application in one process, requests handed over as bytes, 32 connections at a time;
processor time of the one thread, so that what else the machine does disturbs little. Takes the index that
`python -m benchmarks.bench` has built; Redis is a real one. The least of the rounds is the
undisturbed figure.
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

from benchmarks.servers.ceiling import Asgi
from benchmarks.servers.ceiling import create_app as ceiling
from benchmarks.speed import paths
from benchmarks.speed.built_index import BuiltIndex
from benchmarks.speed.rig import load_hot_lists, own_redis
from hybrid_recs.online.app import create_app
from hybrid_recs.settings import Settings

_BUILT = Path(__file__).parents[1] / "var" / "bench"
_CONNECTIONS = 32
_DRAWN = 100_000


class _Answers(asyncio.Transport):
    """Takes what the server writes; holds the last answer."""

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
async def _started(app: Asgi) -> AsyncIterator[None]:
    """The application's own start and stop, as uvicorn does them."""
    said: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    done: asyncio.Queue[object] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan", "asgi": {}}, said.get, done.put))  # type: ignore[arg-type]
    for moment in ("startup", "shutdown"):
        said.put_nowait({"type": f"lifespan.{moment}"})
        await done.get()
        if moment == "startup":
            yield
    await life


async def _microseconds(
    app: Asgi, asked: list[str], rounds: int, requests: int
) -> tuple[float, float, bytes]:
    """A request's least and median processor time over the rounds, and an answer."""
    config = uvicorn.Config(app, access_log=False, server_header=False, timeout_keep_alive=3_600)  # type: ignore[arg-type]
    config.load()
    state, found = ServerState(), []
    ends = [(HttpToolsProtocol(config, state, {}), _Answers()) for _ in range(_CONNECTIONS)]
    for protocol, answers in ends:
        protocol.connection_made(answers)
    stream = cycle([f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in asked])
    for _ in range(rounds):
        started = time.thread_time()
        for _ in range(requests // _CONNECTIONS):
            for (protocol, _), request in zip(ends, islice(stream, _CONNECTIONS), strict=True):
                protocol.data_received(request)
            while any(protocol.cycle and not protocol.cycle.response_complete for protocol, _ in ends):
                await asyncio.sleep(0)
        found.append((time.thread_time() - started) / requests * 1e6)
    return min(found), median(found), ends[0][1].last


async def _measure(index: BuiltIndex, redis_url: str, var: Path, rounds: int, requests: int) -> None:
    generation = index.current
    few, many = paths.hot(generation, 50), paths.hot(generation, 5_000)
    kinds = {
        "hot, from memory": (few, 64),
        "hot, from Redis each time": (many, 0),
        "Zipf traffic": (paths.zipf(generation, _DRAWN), 64),
    }
    for name, (rows, local_cache_mb) in kinds.items():
        app = create_app(
            Settings(index_dir=index.folder, redis_url=redis_url, var_dir=var, local_cache_mb=local_cache_mb)
        )
        asked = paths.paths_of(generation, rows)
        async with _started(app):  # type: ignore[arg-type]
            least, middle, answer = await _microseconds(app, asked, rounds, requests)  # type: ignore[arg-type]
        click.echo(f"{name:26s} least {least:6.1f} µs, median {middle:6.1f} µs")
    head, _, body = answer.partition(b"\r\n\r\n")
    headers = [line.decode().split(": ") for line in head.split(b"\r\n")[1:]]
    (var / "answer.json").write_text(json.dumps({"headers": headers, "body": body.decode()}))
    bare = ceiling(var / "answer.json")
    least, middle, _ = await _microseconds(bare, paths.paths_of(generation, few), rounds, requests)
    click.echo(f"{'bare ASGI':26s} least {least:6.1f} µs, median {middle:6.1f} µs")


@click.command(help=__doc__)
@click.option("--items", default=1_000_000, show_default=True, help="which of the built catalogues")
@click.option("--rounds", default=40, show_default=True)
@click.option("--requests", default=1_920, show_default=True, help="of a round")
def main(items: int, rounds: int, requests: int) -> None:
    """Measure and print."""
    index, folder = BuiltIndex(_BUILT / f"{items}-items" / "index", items), Path(tempfile.mkdtemp())
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with own_redis(folder) as url:
        load_hot_lists(url, index.current)
        uvloop.run(_measure(index, url, folder, rounds, requests))


if __name__ == "__main__":
    main()
