"""What every row is measured with, and how the programs under load are started and loaded."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import cores
from benchmarks.load import Stream, closed_loop
from benchmarks.speed.built_index import BuiltIndex
from benchmarks.speed.turns import Rounds, medians, take_turns
from hybrid_recs.cache import embedded_server
from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.list_loader import load_lists
from hybrid_recs.demo.child_service import ChildService, child_service
from hybrid_recs.generation.generation import Generation
from hybrid_recs.types import Json

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to measure: rounds of so many seconds, starts of the service, requests before memory is
    weighed, and seconds of load on either side of an incident."""

    rounds: int
    seconds: int
    starts: int
    live_requests: int
    lead: float


FULL = Pace(rounds=5, seconds=2, starts=5, live_requests=20_000, lead=5.0)
QUICK = Pace(rounds=2, seconds=1, starts=3, live_requests=1_000, lead=2.0)


@dataclass(frozen=True, slots=True)
class Rig:
    """small, large: indexes of about 100 k and 1 M items. redis_url: of a server of our own."""

    small: BuiltIndex
    large: BuiltIndex
    redis_url: str
    folder: Path
    pace: Pace

    @contextmanager
    def service(self, index: BuiltIndex, redis_url: str = "", **settings: object) -> Iterator[ChildService]:
        """`hybrid-recs serve`, one worker, its hot lists in Redis."""
        url = redis_url or self.redis_url
        load_hot_lists(url, index.current)
        var = Path(tempfile.mkdtemp(dir=self.folder))
        environment = index.environment(url, var, **settings)
        with cores.on(cores.SERVER), child_service(var / "log", environment) as service:
            yield service

    def in_turns(
        self,
        servers: Mapping[str, ChildService],
        asked: list[str],
        others: Mapping[str, Callable[[], float]] | None = None,
    ) -> tuple[Rounds, Json]:
        """Requests a second of every server under full load, by rounds, and the absolute figures.

        others: what else is measured in turns with them.
        """
        loaded = {name: Loaded(server, Stream(asked), self.pace.seconds) for name, server in servers.items()}
        figures = take_turns(self.pace.rounds, {**loaded, **(others or {})})
        absolute = medians({name: figures[name] for name in servers}, "requests/s")
        spent = {f"{name} CPU µs/request": round(of.cpu_a_request * 1e6, 1) for name, of in loaded.items()}
        return figures, absolute | spent


@dataclass(slots=True)
class Loaded:
    """A server under full load of a stream. What it takes of the processor says more than its throughput does
    where others are at work on the machine."""

    server: ChildService
    stream: Stream
    seconds: int
    _cpu: float = 0.0
    _requests: int = 0

    def __call__(self) -> float:
        """One round: requests a second."""
        before = cpu_seconds(self.server.pid)
        load = closed_loop(self.server.port, self.stream, self.seconds)
        self._cpu += cpu_seconds(self.server.pid) - before
        self._requests += load.requests
        return load.rate

    @property
    def cpu_a_request(self) -> float:
        """Processor seconds a request, of all rounds."""
        return self._cpu / self._requests


def cpu_seconds(pid: int) -> float:
    """What a process has spent, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def own_redis(folder: Path) -> Iterator[str]:
    """The URL of an empty redis-server, on the client's core."""
    with cores.on(cores.CLIENT):
        url = embedded_server.ensure_running(folder)
    try:
        yield url
    finally:
        embedded_server.stop(folder)


def load_hot_lists(url: str, generation: Path) -> int:
    """As the job does it; returns how many."""
    with connect(url) as client:
        return load_lists(client, Keys(), Generation.open(generation), _DAY)
