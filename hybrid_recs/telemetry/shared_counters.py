"""Counters summed over workers: each worker has a memory-mapped file, and any worker can add them all up.

A worker adds its counts, once a second, to its own file, with its gauges and its state. The file of a worker
that ended stays, so counters never fall, but its gauges and state do not count any more. A file begins with a
checksum of its layout: files of another version are ignored.

Not prometheus_client's multiprocess mode, which writes to its file on every request: measured at 6 µs for a
counter and 11 µs for a histogram, where a whole request takes 13. Here a request costs a list append, and the
gauges of ended workers need no cleaning up.
"""

import os
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.generation.manifest import Manifest
from hybrid_recs.health import Dependency, Health, State
from hybrid_recs.telemetry import latency_histogram
from hybrid_recs.telemetry.request_recorder import CounterDelta
from hybrid_recs.types import Outcome, PublicReason, Source

Ints = NDArray[np.int64]


class WorkerGauges(NamedTuple):
    """What a worker holds for the serving generation."""

    local_answers: int = 0
    local_bytes: int = 0
    rising_items: int = 0
    unwritten_requests: int = 0


_ID_BYTES = 64
# The parts of a file, in this order, and the number of integers in each.
_PARTS = {
    "layout": 1,
    "started": 1,  # seconds since 1970
    "outcomes": len(Source) * len(Outcome),
    "older": 1,
    "latencies": len(Source) * latency_histogram.BUCKETS,
    "microseconds": len(Source),
    "errors": 1,
    "item_requests": 2,  # for any known item, for a hot one
    "gauges": len(WorkerGauges._fields),
    "state": 3,  # a generation is loaded, the time it was created, Redis answers
    "health": len(Dependency),  # the position of its state in State
    "generation": _ID_BYTES // 8,
}
_ENDS: list[int] = np.cumsum(list(_PARTS.values())).tolist()
_SLICES = {name: slice(end - size, end) for (name, size), end in zip(_PARTS.items(), _ENDS, strict=True)}
_SIZE = _ENDS[-1]
_NAMES = [
    *_PARTS.items(),
    *Source,
    *Outcome,
    *WorkerGauges._fields,
    *Dependency,
    *State,
    latency_histogram.BUCKETS,
    latency_histogram.upper_edge(0),
]
LAYOUT = zlib.crc32(repr([str(name) for name in _NAMES]).encode())
_SOURCES, _OUTCOMES = list(Source), list(Outcome)
_STATES = list(State)
_REASONS: list[PublicReason | None] = [None, *PublicReason]


class SharedCounters:
    """This worker's file among those of all workers of one service."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        path = folder / f"worker-{os.getpid()}.bin"
        # An existing file is that of an ended worker with the same process id: its counts continue.
        exists = _read(path) is not None
        self._own: Ints = np.memmap(path, np.int64, "r+" if exists else "w+", shape=(_SIZE,))
        if not exists:
            self._part("started")[0] = int(time.time())
        self._part("layout")[0] = LAYOUT

    def add(self, delta: CounterDelta, cache_errors: int, hot_requests: int = 0) -> None:
        """Add the counts since the last call; hot_requests: those of `delta.item_requests` for hot items."""
        latencies = self._part("latencies").reshape(len(_SOURCES), latency_histogram.BUCKETS)
        outcomes = self._part("outcomes").reshape(len(_SOURCES), len(_OUTCOMES))
        for field, count in delta.counts.items():
            source = _SOURCES.index(field.source)
            if field.outcome is None:
                latencies[source, field.bucket] += count
            else:
                outcomes[source, _OUTCOMES.index(field.outcome)] += count
                self._part("older")[0] += count * field.older
        for answering, seconds in delta.seconds.items():
            self._part("microseconds")[_SOURCES.index(answering)] += round(seconds * 1e6)
        self._part("errors")[0] += cache_errors
        self._part("item_requests")[:] += (delta.item_requests.total(), hot_requests)

    def set_gauges(self, gauges: WorkerGauges) -> None:
        self._part("gauges")[:] = gauges

    def set_state(self, cache_available: bool, serving: Manifest | None) -> None:
        """Set the generation that this worker serves and whether Redis answers it."""
        name = serving.id.encode()[:_ID_BYTES] if serving else b""
        self._part("generation")[:] = np.frombuffer(name.ljust(_ID_BYTES, b"\0"), np.int64)
        created = int(datetime.fromisoformat(serving.created).timestamp()) if serving else 0
        self._part("state")[:] = (serving is not None, created, cache_available)

    def set_health(self, health: Health) -> None:
        """Set what this worker knows of its dependencies."""
        self._part("health")[:] = [_STATES.index(health.dependencies[name].state) for name in Dependency]

    def total(self) -> "CounterTotals":
        return CounterTotals(list(_files(self._folder)))

    def _part(self, name: str) -> Ints:
        return self._own[_SLICES[name]]


class CounterTotals:
    """The counters summed over all workers, and the gauges and states of the running ones."""

    def __init__(self, files: list[tuple[bool, Ints]]) -> None:
        self._sum: Ints = np.sum([counts for _, counts in files], axis=0, dtype=np.int64)
        self._running = [counts for runs, counts in files if runs]
        self.started = min(int(_part_of(counts, "started")[0]) for _, counts in files)

    @property
    def workers(self) -> int:
        """How many workers run."""
        return len(self._running)

    @property
    def reasons(self) -> Counter[tuple[Source, PublicReason | None]]:
        """Requests by source and what clients were told."""
        counts = Counter({(source, reason): 0 for source in _SOURCES for reason in _REASONS})
        for (source, outcome), count in self.outcomes.items():
            counts[source, outcome.public_reason] += count
        return counts

    @property
    def sources(self) -> Counter[Source]:
        """Requests by source."""
        total: Counter[Source] = Counter()
        for (source, _), count in self.outcomes.items():
            total[source] += count
        return total

    @property
    def outcomes(self) -> Counter[tuple[Source, Outcome]]:
        """Requests by source and outcome."""
        pairs = [(source, outcome) for source in _SOURCES for outcome in _OUTCOMES]
        return Counter(dict(zip(pairs, _part_of(self._sum, "outcomes").tolist(), strict=True)))

    @property
    def older(self) -> int:
        """Requests answered by a generation other than the published one."""
        return int(_part_of(self._sum, "older")[0])

    def latencies(self, source: Source) -> tuple[list[int], float]:
        """Requests by latency bucket, and the sum of their seconds."""
        number = _SOURCES.index(source)
        buckets = _part_of(self._sum, "latencies").reshape(len(_SOURCES), latency_histogram.BUCKETS)[number]
        return buckets.tolist(), float(_part_of(self._sum, "microseconds")[number]) / 1e6

    @property
    def cache_errors(self) -> int:
        """Times that Redis did not answer."""
        return int(_part_of(self._sum, "errors")[0])

    @property
    def item_requests(self) -> tuple[int, int]:
        """Requests for one known item, estimated from a sample: for hot items, for others."""
        known, hot = _part_of(self._sum, "item_requests").tolist()
        return hot, known - hot

    @property
    def gauges(self) -> WorkerGauges:
        """The sum over running workers."""
        return WorkerGauges(
            *map(sum, zip(*[_part_of(counts, "gauges").tolist() for counts in self._running], strict=True))
        )

    @property
    def all_ready(self) -> bool:
        """Whether every running worker has loaded a generation."""
        return all(_part_of(counts, "state")[0] for counts in self._running)

    @property
    def all_reach_cache(self) -> bool:
        """Whether Redis answered every running worker when last used."""
        return all(_part_of(counts, "state")[2] for counts in self._running)

    @property
    def health(self) -> dict[tuple[Dependency, State], int]:
        """How many running workers see a dependency in a state."""
        seen = Counter(
            (name, _STATES[number])
            for counts in self._running
            for name, number in zip(Dependency, _part_of(counts, "health").tolist(), strict=True)
        )
        return {(name, state): seen[name, state] for name in Dependency for state in State}

    @property
    def generations(self) -> dict[str, int]:
        """What running workers serve: generation → when it was created, in seconds since 1970."""
        serving = [counts for counts in self._running if _part_of(counts, "state")[0]]
        names = (_part_of(counts, "generation").tobytes().rstrip(b"\0").decode() for counts in serving)
        return dict(zip(names, (int(_part_of(counts, "state")[1]) for counts in serving), strict=True))


def _part_of(counts: Ints, name: str) -> Ints:
    return counts[_SLICES[name]]


def _read(path: Path) -> Ints | None:
    """The content of a file; None if it is missing or has another layout."""
    try:
        counts = np.fromfile(path, np.int64)
    except OSError:
        return None
    return counts if len(counts) == _SIZE and counts[0] == LAYOUT else None


def _files(folder: Path) -> Iterator[tuple[bool, Ints]]:
    for path in folder.glob("worker-*.bin"):
        counts = _read(path)
        if counts is not None:
            yield _runs(int(path.stem.removeprefix("worker-"))), counts


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
