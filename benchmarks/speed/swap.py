"""Rolling back and publishing a generation of the small catalogue while under full load.

Every answer is kept and checked: it must be, to the last score, what the generation it names answers to the
item asked for, so that nothing of the other can be in it. The two differ in the weight of co-visits.
The seconds of a swap run from the flip of CURRENT to one second after the first answer of the new generation.
The commands run on the client's core, as an operator's would on another machine.
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
from benchmarks.load.outcome import Exchanges, Times, percentile
from benchmarks.speed import paths
from benchmarks.speed.answers import Valid, Verdict, judge, valid_answers
from benchmarks.speed.rig import Rig, load_hot_lists
from benchmarks.speed.rows import Part, Row, at_most

_OF_A_KIND = 150
_LONGEST = 120.0
_ROLLBACK = ("hybrid_recs.cli", "generations", "rollback")
_PUBLISH = ("benchmarks.publish",)


def _swap(rig: Rig) -> Iterator[Row]:
    store = rig.small.store
    newer, older = store.require_current(), store.ids()[0]
    if older == newer:
        raise RuntimeError(f"{store.root}: a second generation is needed; run without --reuse")
    # The rows of both are the same: they were learned from the same interactions.
    kinds = [of(store.path(newer), _OF_A_KIND) for of in (paths.hot, paths.tail)]
    rows = np.random.default_rng(0).permutation(np.concatenate(kinds))
    valid = {name: valid_answers(store.path(name), rows) for name in (older, newer)}
    asked = paths.paths_of(store.path(newer), rows)
    for name in (older, newer):
        load_hot_lists(rig.redis_url, store.path(name))
    orders = [(*_ROLLBACK, older), (*_PUBLISH, newer)]
    environment = rig.small.environment(rig.redis_url, rig.folder)
    try:
        with rig.service(rig.small) as service, cores.on(cores.CLIENT):
            client = Client(service.port, asked, CONNECTIONS, keep_bodies=True)
            client.closed_loop(1)
            operator = Operator(environment, orders, store.root / "CURRENT", rig.pace.lead)
            exchanges = client.closed_loop(_LONGEST, going=operator.at_work)
            operator.finish()
    finally:
        if store.current() != newer:
            with store.writer():
                store.publish(newer)
    yield _row(exchanges, verdicts(exchanges, asked, valid), operator.flips, rig.pace.lead)


class Operator:
    """Gives the orders (arguments of `python -m`) from a thread, with `lead` seconds before and after each.

    flips: generation → when CURRENT came to name it, by time.perf_counter.
    """

    def __init__(
        self, environment: Mapping[str, str], orders: list[tuple[str, ...]], pointer: Path, lead: float
    ) -> None:
        self.flips: dict[str, float] = {}
        self._environment = {**os.environ, **environment}
        self._orders, self._pointer, self._lead = orders, pointer, lead
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def at_work(self) -> bool:
        """Whether there is more to come."""
        return self._thread.is_alive()

    def finish(self) -> None:
        """Wait for the last order; raises what went wrong."""
        self._thread.join()
        if self._error:
            raise self._error

    def _work(self) -> None:
        try:
            for order in self._orders:
                time.sleep(self._lead)
                self._give(order)
            time.sleep(self._lead)
        except Exception as error:
            self._error = error

    def _give(self, order: tuple[str, ...]) -> None:
        done = subprocess.run(
            [sys.executable, "-m", *order], check=False, capture_output=True, text=True, env=self._environment
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(order)}: {done.stdout}{done.stderr}")
        self.flips[order[-1]] = self._pointer.stat().st_mtime - time.time() + time.perf_counter()


def verdicts(exchanges: Exchanges, asked: Sequence[str], valid: Mapping[str, Valid]) -> list[Verdict | None]:
    """Of every answer; None where there is none."""
    return [
        judge(body, asked[at], valid) if status == 200 else None
        for body, at, status in zip(exchanges.bodies, exchanges.asked, exchanges.status, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Swap:
    """How one swap went: seconds from the flip to the first answer of the new generation, and p99 in ms."""

    noticed: float
    p99_ms: float


def _swap_to(name: str, flip: float, exchanges: Exchanges, told: list[Verdict | None]) -> Swap:
    new = np.array([verdict is not None and verdict.generation == name for verdict in told])
    after = exchanges.done[new & (exchanges.done >= flip)]
    if not len(after):
        raise RuntimeError(f"no answer of generation {name} after it was made current")
    first = float(after.min())
    within = (exchanges.done >= flip) & (exchanges.done < first + 1)
    return Swap(first - flip, max(_p99_by_second(exchanges.done[within], exchanges.latency[within])))


def _p99_by_second(at: Times, latency: Times) -> list[float]:
    """Milliseconds, of each whole second of the stretch (the last one may be up to two long)."""
    seconds = np.minimum((at - at.min()).astype(int), max(0, int(at.max() - at.min()) - 1))
    return [percentile(latency[seconds == second], 0.99) * 1e3 for second in np.unique(seconds)]


def _row(exchanges: Exchanges, told: list[Verdict | None], flips: Mapping[str, float], lead: float) -> Row:
    start = float(exchanges.due.min())
    before = exchanges.done < start + lead
    steady = median(_p99_by_second(exchanges.done[before], exchanges.latency[before]))
    swaps = [_swap_to(name, flip, exchanges, told) for name, flip in flips.items()]
    worst = max(swap.p99_ms for swap in swaps)
    mixed = sum(verdict is not None and not verdict.whole for verdict in told)
    absolute = {
        "steady p99 ms": round(steady, 3),
        "p99 ms of the worst second of each swap": [round(swap.p99_ms, 3) for swap in swaps],
        "s from flip to first new answer": [round(swap.noticed, 2) for swap in swaps],
        "errors": exchanges.errors,
        "mixed answers": mixed,
        "answers checked": sum(verdict is not None for verdict in told),
        "requests/s": round(exchanges.load().rate, 1),
    }
    what = "publish and rollback under full load: worst p99 over steady; no errors, no mixed answers"
    clean = not exchanges.errors and not mixed
    return at_most("swap", what, worst / steady, 3, absolute, also=clean)


PARTS = [Part(["swap"], _swap)]
