"""Rollback and publication of a generation of the small catalogue under full load.

Every response is kept and checked: its items and scores must be exactly those of the generation that it
names, so that no response can mix two generations. The two differ in the weight of co-visits. A swap lasts
from the flip of CURRENT until one second after the first response of the new generation. The commands run on
the client's core, as if an operator ran them on another machine.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import cores
from benchmarks.load import CONNECTIONS
from benchmarks.load.client import Client
from benchmarks.load.exchanges import Exchanges, Times, percentile
from benchmarks.speed import traffic
from benchmarks.speed.harness import Harness, load_hot_lists
from benchmarks.speed.response_check import ValidItems, Verdict, check_response, valid_responses
from benchmarks.speed.results import Benchmark, Result, at_most

_ROWS_PER_KIND = 150
_MAX_SECONDS = 120.0
_ROLLBACK = ("hybrid_recs.cli", "generations", "rollback")
_PUBLISH = ("benchmarks.publish",)


def _swap(harness: Harness) -> Iterator[Result]:
    store = harness.small.store
    newer, older = store.require_current(), store.ids()[0]
    if older == newer:
        raise RuntimeError(f"{store.root}: a second generation is needed; run without --reuse")
    # Both have the same rows, because they were learned from the same interactions.
    kinds = [draw(store.path(newer), _ROWS_PER_KIND) for draw in (traffic.hot_rows, traffic.tail_rows)]
    rows = np.random.default_rng(0).permutation(np.concatenate(kinds))
    valid = {name: valid_responses(store.path(name), rows) for name in (older, newer)}
    paths = traffic.request_paths(store.path(newer), rows)
    for name in (older, newer):
        load_hot_lists(harness.redis_url, store.path(name))
    commands = [(*_ROLLBACK, older), (*_PUBLISH, newer)]
    environment = harness.small.environment(harness.redis_url, harness.folder)
    try:
        with harness.service(harness.small) as service, cores.pinned_to(cores.CLIENT):
            client = Client(service.port, paths, CONNECTIONS, keep_bodies=True)
            client.closed_loop(1)
            operator = Operator(environment, commands, store.root / "CURRENT", harness.run.lead)
            exchanges = client.closed_loop(_MAX_SECONDS, keep_running=operator.is_running)
            operator.finish()
    finally:
        if store.current() != newer:
            with store.writer():
                store.publish(newer)
    yield _result(exchanges, check_exchanges(exchanges, paths, valid), operator.flips, harness.run.lead)


class Operator:
    """Runs the commands (arguments of `python -m`) in a thread, with `lead` seconds before and after each.

    flips: generation → when CURRENT was pointed to it, by time.perf_counter.
    """

    def __init__(
        self, environment: Mapping[str, str], commands: list[tuple[str, ...]], pointer: Path, lead: float
    ) -> None:
        self.flips: dict[str, float] = {}
        self._environment = {**os.environ, **environment}
        self._commands, self._pointer, self._lead = commands, pointer, lead
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def is_running(self) -> bool:
        return self._thread.is_alive()

    def finish(self) -> None:
        """Wait for the last command; raise its error, if any."""
        self._thread.join()
        if self._error:
            raise self._error

    def _work(self) -> None:
        try:
            for command in self._commands:
                time.sleep(self._lead)
                self._run_command(command)
            time.sleep(self._lead)
        except Exception as error:
            self._error = error

    def _run_command(self, command: tuple[str, ...]) -> None:
        ended = subprocess.run(
            [sys.executable, "-m", *command],
            check=False,
            capture_output=True,
            text=True,
            env=self._environment,
        )
        if ended.returncode:
            raise RuntimeError(f"{' '.join(command)}: {ended.stdout}{ended.stderr}")
        self.flips[command[-1]] = self._pointer.stat().st_mtime - time.time() + time.perf_counter()


def check_exchanges(
    exchanges: Exchanges, paths: Sequence[str], valid: Mapping[str, ValidItems]
) -> list[Verdict | None]:
    """A verdict for every request; None if it failed."""
    return [
        check_response(body, paths[index], valid) if status == 200 else None
        for body, index, status in zip(exchanges.bodies, exchanges.path_index, exchanges.status, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Swap:
    """switch_seconds: from the flip to the first response of the new generation."""

    switch_seconds: float
    p99_ms: float


def _swap_figures(name: str, flip: float, exchanges: Exchanges, verdicts: list[Verdict | None]) -> Swap:
    new = np.array([verdict is not None and verdict.generation == name for verdict in verdicts])
    after = exchanges.done[new & (exchanges.done >= flip)]
    if not len(after):
        raise RuntimeError(f"no response of generation {name} after it was made current")
    first = float(after.min())
    within = (exchanges.done >= flip) & (exchanges.done < first + 1)
    return Swap(first - flip, max(_p99_by_second(exchanges.done[within], exchanges.latency[within])))


def _p99_by_second(done: Times, latency: Times) -> list[float]:
    """p99 in milliseconds of each whole second (the last one may be up to two seconds long)."""
    seconds = np.minimum((done - done.min()).astype(int), max(0, int(done.max() - done.min()) - 1))
    return [percentile(latency[seconds == second], 0.99) * 1e3 for second in np.unique(seconds)]


def _result(
    exchanges: Exchanges, verdicts: list[Verdict | None], flips: Mapping[str, float], lead: float
) -> Result:
    start = float(exchanges.due.min())
    before = exchanges.done < start + lead
    steady = median(_p99_by_second(exchanges.done[before], exchanges.latency[before]))
    swaps = [_swap_figures(name, flip, exchanges, verdicts) for name, flip in flips.items()]
    worst = max(swap.p99_ms for swap in swaps)
    mixed = sum(verdict is not None and not verdict.whole for verdict in verdicts)
    absolute = {
        "steady p99 ms": round(steady, 3),
        "p99 ms of the worst second of each swap": [round(swap.p99_ms, 3) for swap in swaps],
        "s from flip to first new answer": [round(swap.switch_seconds, 2) for swap in swaps],
        "errors": exchanges.errors,
        "mixed answers": mixed,
        "answers checked": sum(verdict is not None for verdict in verdicts),
        "requests/s": round(exchanges.summary().rate, 1),
    }
    what = "publish and rollback under full load: worst p99 over steady; no errors, no mixed answers"
    clean = not exchanges.errors and not mixed
    return at_most("swap", what, worst / steady, 3, absolute, also=clean)


BENCHMARKS = [Benchmark(["swap"], _swap)]
