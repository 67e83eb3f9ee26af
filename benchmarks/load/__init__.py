"""Load on a server on loopback: `closed_loop` for throughput, `client.Client` where more must be known.

Closed loop: so many connections, each asking again as soon as it is answered. By wrk where it is on the PATH
(apt-get install wrk), else by the client of our own, which is slower itself. Keep-alive, requests rendered
beforehand, bounded in time.
"""

import shutil
from dataclasses import dataclass, field

from benchmarks import cores
from benchmarks.load import wrk
from benchmarks.load.client import Client
from benchmarks.load.outcome import Load

CONNECTIONS = 32


@dataclass(slots=True)
class Stream:
    """Paths asked in order; a round goes on where the one before ended, and around at the end."""

    paths: list[str]
    at: int = field(default=0)


def tool() -> str:
    """What makes the closed-loop load here."""
    return "wrk" if shutil.which("wrk") else "the Python client of benchmarks/load"


def closed_loop(port: int, stream: Stream, seconds: int, connections: int = CONNECTIONS) -> Load:
    """One round; raises RuntimeError when any request failed."""
    with cores.on(cores.CLIENT):
        if shutil.which("wrk"):
            load = wrk.run(port, stream.paths, stream.at, seconds, connections)
        else:
            client = Client(port, stream.paths[stream.at :] + stream.paths[: stream.at], connections)
            load = client.closed_loop(seconds).load()
    stream.at = (stream.at + load.requests) % len(stream.paths)
    if load.errors or not load.requests:
        raise RuntimeError(f"{load.errors} of {load.requests} requests to port {port} failed")
    return load
