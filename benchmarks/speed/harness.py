"""What the benchmarks share: built indexes, Redis, run settings, and servers under load."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import cores
from benchmarks.load import RequestStream, closed_loop
from benchmarks.speed.built_index import BuiltIndex
from benchmarks.speed.interleaving import Rounds, measure_interleaved, medians
from hybrid_recs.cache import embedded_server
from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.list_loader import load_lists
from hybrid_recs.demo.child_service import ChildService, child_service
from hybrid_recs.generation.generation import Generation
from hybrid_recs.types import Json

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How long to measure.

    rounds, seconds: number and length of rounds. starts: of the service. live_requests: sent before memory is
    measured. lead: seconds of load before and after an incident.
    """

    rounds: int
    seconds: int
    starts: int
    live_requests: int
    lead: float


FULL = RunSettings(rounds=5, seconds=2, starts=5, live_requests=20_000, lead=5.0)
QUICK = RunSettings(rounds=2, seconds=1, starts=3, live_requests=1_000, lead=2.0)


@dataclass(frozen=True, slots=True)
class Harness:
    """small, large: indexes of about 100 k and 1 M items. redis_url: a server used by nothing else."""

    small: BuiltIndex
    large: BuiltIndex
    redis_url: str
    folder: Path
    run: RunSettings

    @contextmanager
    def service(self, index: BuiltIndex, redis_url: str = "", **settings: object) -> Iterator[ChildService]:
        """`hybrid-recs serve`, one worker, its hot lists in Redis."""
        url = redis_url or self.redis_url
        load_hot_lists(url, index.current)
        var = Path(tempfile.mkdtemp(dir=self.folder))
        environment = index.environment(url, var, **settings)
        with cores.pinned_to(cores.SERVER), child_service(var / "log", environment) as service:
            yield service

    def measure_interleaved(
        self,
        servers: Mapping[str, ChildService],
        paths: list[str],
        others: Mapping[str, Callable[[], float]] | None = None,
    ) -> tuple[Rounds, Json]:
        """Requests per second of every server under full load, by round, and the absolute figures.

        others: further measurements to interleave with them.
        """
        loaded = {
            name: LoadedServer(server, RequestStream(paths), self.run.seconds)
            for name, server in servers.items()
        }
        figures = measure_interleaved(self.run.rounds, {**loaded, **(others or {})})
        absolute = medians({name: figures[name] for name in servers}, "requests/s")
        cpu = {
            f"{name} CPU µs/request": round(server.cpu_per_request * 1e6, 1)
            for name, server in loaded.items()
        }
        return figures, absolute | cpu


@dataclass(slots=True)
class LoadedServer:
    """A server under full load. On a busy machine its CPU time is more telling than its throughput."""

    server: ChildService
    stream: RequestStream
    seconds: int
    _cpu: float = 0.0
    _requests: int = 0

    def __call__(self) -> float:
        """Run one round; return requests per second."""
        before = cpu_seconds(self.server.pid)
        load = closed_loop(self.server.port, self.stream, self.seconds)
        self._cpu += cpu_seconds(self.server.pid) - before
        self._requests += load.requests
        return load.rate

    @property
    def cpu_per_request(self) -> float:
        """CPU seconds per request over all rounds."""
        return self._cpu / self._requests


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, all threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def own_redis(folder: Path) -> Iterator[str]:
    """The URL of an empty redis-server, on the client's core."""
    with cores.pinned_to(cores.CLIENT):
        url = embedded_server.ensure_running(folder)
    try:
        yield url
    finally:
        embedded_server.stop(folder)


def load_hot_lists(url: str, generation: Path) -> int:
    """Load the hot lists into Redis as the job does; return their number."""
    with connect(url) as client:
        return load_lists(client, Keys(), Generation.open(generation), _DAY)
