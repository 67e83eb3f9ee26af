"""Events through the service while processes are killed: python -m benchmarks.events_chaos --events 100000.

Clients post batches and resend a batch, with the same event ids, until it is confirmed. Meanwhile consumers,
the service and Redis are killed with SIGKILL one after the other and restarted. At the end the confirmed
events are compared with those counted (in each window's buckets), applied, and archived.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import click
import httpx
import polars as pl
import redis

from benchmarks.ports import accepts, free_port
from hybrid_recs.cache import embedded_server
from hybrid_recs.cache.client import UNREACHABLE, connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.events.trending_windows import WINDOWS
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.telemetry.consumer_lag import LAG, lag_arguments, read_lag

BATCH = 100
CLIENTS = 4
PREFIX = "chaos"
KEYS = Keys(PREFIX)
SETTLE_SECONDS = 120.0
_MAX_ITEMS = 2_000


class Chaos:
    """All processes of one run, with their files in one folder."""

    def __init__(self, folder: Path, index: Path, items: list[str]) -> None:
        self.folder = folder
        self.items = items
        self.port = free_port()
        self.url = embedded_server.ensure_running(folder)
        self.kills: Counter[str] = Counter()
        self.resent = 0
        self.duplicates = 0
        self.max_waiting = 0
        self.oldest_seconds = 0.0
        self._environment = os.environ | {
            "HYBRID_RECS_INDEX_DIR": str(index.absolute()),
            "HYBRID_RECS_VAR_DIR": str(folder),
            "HYBRID_RECS_REDIS_URL": self.url,
            "HYBRID_RECS_KEY_PREFIX": PREFIX,
            "HYBRID_RECS_CLAIM_SECONDS": "2",
            "HYBRID_RECS_ARCHIVE_SECONDS": "1",
            "HYBRID_RECS_WRITES_PER_SECOND": "1000000",
            "HYBRID_RECS_LOG_LEVEL": "WARNING",
        }
        self._log = (folder / "log").open("ab")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start the service, or a consumer."""
        command = ["-m", "jobs.consume_events"]
        if name == "service":
            command = ["-m", "hybrid_recs.cli", "serve", "--port", str(self.port)]
        self.processes[name] = subprocess.Popen(
            [sys.executable, *command], env=self._environment, stdout=self._log, stderr=self._log
        )

    def kill(self, name: str) -> None:
        """Kill with SIGKILL, and restart."""
        self.kills[name.split()[0]] += 1
        if name == "redis":
            with contextlib.suppress(*UNREACHABLE), connect(self.url) as client:
                os.kill(int(client.info("server")["process_id"]), signal.SIGKILL)
            time.sleep(0.2)
            embedded_server.ensure_running(self.folder)
            return
        self.processes[name].kill()
        self.processes[name].wait()
        self.start(name)
        deadline = time.monotonic() + 30
        while name == "service" and not accepts(self.port) and time.monotonic() < deadline:
            time.sleep(0.05)

    def close(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(20)
        embedded_server.stop(self.folder)
        self._log.close()

    def post(self, first: int, count: int, rng: random.Random) -> int:
        """Post a batch repeatedly until it is confirmed; return the number of its events."""
        batch = [
            {
                "event_id": f"e{number}",
                "type": "view",
                "session_id": f"s{rng.randrange(2_000)}",
                "item_id": self.items[int(len(self.items) * rng.random() ** 3)],
            }
            for number in range(first, first + count)
        ]
        while True:
            with contextlib.suppress(httpx.TransportError):
                response = httpx.post(f"http://127.0.0.1:{self.port}/events", json=batch, timeout=10)
                if response.status_code in (200, 202):
                    receipt = response.json()
                    assert receipt["accepted"] + receipt["duplicates"] == count, receipt
                    self.duplicates += receipt["duplicates"]
                    return count
            self.resent += 1
            time.sleep(0.05)

    def watch(self) -> bool:
        """Record the lag; return whether no event is waiting."""
        with contextlib.suppress(*UNREACHABLE), connect(self.url) as client:
            lag = read_lag(cast(Any, client.eval(LAG, *lag_arguments(KEYS))))
            self.max_waiting = max(self.max_waiting, lag.waiting)
            self.oldest_seconds = max(self.oldest_seconds, lag.oldest_seconds)
            return lag.waiting == 0 and lag.stream_length == 0
        return False


@contextlib.contextmanager
def _repeating(work: Callable[[], object], seconds: float) -> Iterator[None]:
    stopping = threading.Event()

    def run() -> None:
        while not stopping.wait(seconds):
            work()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stopping.set()
    thread.join()


def run(index: Path, items: list[str], events: int, kills: bool, seconds_between: float) -> dict[str, Any]:
    """Send, kill, wait until everything is applied and archived, and compare; return the figures."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    chaos, rng = Chaos(folder, index, items), random.Random(3)
    victims = ["consumer 1", "service", "redis", "consumer 2"]
    try:
        for name in ("service", "consumer 1", "consumer 2"):
            chaos.start(name)
        while not accepts(chaos.port):
            time.sleep(0.05)
        next_victims = iter(victims * 10_000)
        started = time.monotonic()

        def client(number: int) -> None:
            client_rng = random.Random(number)
            for first in range(number * BATCH, events, CLIENTS * BATCH):
                chaos.post(first, min(BATCH, events - first), client_rng)

        def kill_next() -> None:
            if kills:
                time.sleep(rng.random() * seconds_between)
                chaos.kill(next(next_victims))

        with _repeating(chaos.watch, 0.25), _repeating(kill_next, seconds_between):
            threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            sent = time.monotonic() - started
        while not chaos.watch() and time.monotonic() - started < sent + SETTLE_SECONDS:
            time.sleep(0.25)
        applied = time.monotonic() - started
        figures = _compare(chaos, events)
        return figures | {
            "kills": dict(chaos.kills),
            "batches_sent_again": chaos.resent,
            "confirmed_as_duplicates": chaos.duplicates,
            "events_a_second_sent": round(events / sent),
            "events_a_second_applied_and_archived": round(events / applied),
            "most_waiting": chaos.max_waiting,
            "oldest_waited_seconds": round(chaos.oldest_seconds, 2),
        }
    finally:
        chaos.close()
        shutil.rmtree(folder, ignore_errors=True)


def _compare(chaos: Chaos, events: int) -> dict[str, Any]:
    with connect(chaos.url) as client:
        counts = {k.decode(): int(v) for k, v in cast(Any, client.hgetall(KEYS.event_counts())).items()}
        counted = {window.name: _counted(client, window.name) for window in WINDOWS}
    archived = pl.read_parquet(chaos.folder / "events" / "**" / "*.parquet", hive_partitioning=False)
    ids = archived["event_id"]
    return {
        "confirmed": events,
        "accepted": counts["accepted"],
        "applied": counts["applied"],
        "counted": counted,
        "archived_rows": len(ids),
        "archived_distinct": ids.n_unique(),
        "exact": {events}
        == {counts["accepted"], counts["applied"], *counted.values(), len(ids), ids.n_unique()},
    }


def _counted(client: redis.Redis, window: str) -> int:
    total = 0.0
    for name in client.scan_iter(f"{PREFIX}:met:{window}:*", count=1_000):
        counts = cast(list[tuple[bytes, float]], client.zrange(name, 0, -1, withscores=True))
        total += sum(count for _, count in counts)
    return int(total)


@click.command(help=__doc__)
@click.option("--events", default=100_000, show_default=True)
@click.option("--index", type=click.Path(path_type=Path), default=Path("index"), show_default=True)
@click.option("--kills/--no-kills", default=True, show_default=True)
@click.option("--seconds-between", default=1.5, show_default=True, help="minimum between two kills")
def main(events: int, index: Path, kills: bool, seconds_between: float) -> None:
    """Print the figures as JSON; exit status 1 unless every event counts exactly once."""
    store = GenerationStore(index)
    catalogue = store.open_current().catalogue
    items = [catalogue.item_id(row) for row in range(min(len(catalogue), _MAX_ITEMS))]
    figures = run(index, items, events, kills, seconds_between)
    print(json.dumps(figures, indent=2))
    sys.exit(not figures["exact"])


if __name__ == "__main__":
    main()
