"""What every row is measured with, and how the programs under load are started and loaded."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import cores
from benchmarks.load import Stream, closed_loop
from benchmarks.speed.built_index import BuiltIndex
from hybrid_recs import embedded_redis
from hybrid_recs.child_service import child_service
from hybrid_recs.generation import Generation
from hybrid_recs.keys import Keys
from hybrid_recs.list_loader import load_lists
from hybrid_recs.redis_client import connect

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
QUICK = Pace(rounds=3, seconds=1, starts=3, live_requests=3_000, lead=2.5)


@dataclass(frozen=True, slots=True)
class Bench:
    """small, large: indexes of about 100 k and 1 M items. redis_url: of a server of our own."""

    small: BuiltIndex
    large: BuiltIndex
    redis_url: str
    folder: Path
    pace: Pace

    @contextmanager
    def service(self, index: BuiltIndex, redis_url: str = "", **settings: object) -> Iterator[int]:
        """The port of `hybrid-recs serve`, one worker, its hot lists in Redis."""
        url = redis_url or self.redis_url
        load_hot_lists(url, index.current)
        var = Path(tempfile.mkdtemp(dir=self.folder))
        environment = index.environment(url, var, **settings)
        with cores.on(cores.SERVER), child_service(var / "log", environment) as service:
            yield service.port

    def rate(self, port: int, stream: Stream) -> Callable[[], float]:
        """Measures one round: requests a second of a closed loop."""
        return lambda: closed_loop(port, stream, self.pace.seconds).rate


@contextmanager
def own_redis(folder: Path) -> Iterator[str]:
    """The URL of an empty redis-server, on the client's core."""
    with cores.on(cores.CLIENT):
        url = embedded_redis.ensure_running(folder)
    try:
        yield url
    finally:
        embedded_redis.stop(folder)


def load_hot_lists(url: str, generation: Path) -> int:
    """As the job does it; returns how many."""
    with connect(url) as client:
        return load_lists(client, Keys(), Generation.open(generation), _DAY)
