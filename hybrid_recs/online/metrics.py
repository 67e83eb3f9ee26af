"""Prometheus metrics that are right in the sum over workers.

Each worker adds its counts, once a second, to a mapped file of its own, and notes there what it holds in
memory; whichever worker is asked for /metrics adds up all files. A worker that ends leaves its file, so
counters never fall; what it held is gone with it.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from hybrid_recs import latency
from hybrid_recs.generation import Generation
from hybrid_recs.lag import Lag
from hybrid_recs.online.stats import Books
from hybrid_recs.types import Reason, Source

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SOURCES = list(Source)
_REASONS: list[Reason | None] = [None, *Reason]
_OUTCOMES = [(source, reason) for source in _SOURCES for reason in _REASONS]
_AT_OUTCOME = {outcome: at for at, outcome in enumerate(_OUTCOMES)}
_AT_LATENCY = len(_OUTCOMES)
_AT_MICROSECONDS = _AT_LATENCY + len(_SOURCES) * latency.BUCKETS
_AT_ERRORS = _AT_MICROSECONDS + len(_SOURCES)
_AT_HELD = _AT_ERRORS + 1


class Held(NamedTuple):
    """What a worker has gathered for the serving generation."""

    local_answers: int = 0
    local_bytes: int = 0
    rising_items: int = 0


_HELD = {
    "local_answers": "Rendered answers in the workers' memory.",
    "local_bytes": "Bytes that the rendered answers in the workers' memory take.",
    "rising_items": "Rising items admitted; one that two workers have admitted counts twice.",
}
_SIZE = _AT_HELD + len(Held._fields)


class WorkerCounters:
    """This worker's file among those of all workers of one service."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        path = folder / f"worker-{os.getpid()}.bin"
        self._own = np.memmap(path, np.int64, "r+" if path.exists() else "w+", shape=(_SIZE,))

    def add(self, books: Books, cache_errors: int) -> None:
        """Add what was counted since the last call."""
        for field, count in books.counts.items():
            if field.bucket < 0:
                self._own[_AT_OUTCOME[field.source, field.reason]] += count
            else:
                self._own[_AT_LATENCY + _SOURCES.index(field.source) * latency.BUCKETS + field.bucket] += (
                    count
                )
        for source, seconds in books.seconds.items():
            self._own[_AT_MICROSECONDS + _SOURCES.index(source)] += round(seconds * 1e6)
        self._own[_AT_ERRORS] += cache_errors

    def hold(self, held: Held) -> None:
        """Note what is held now."""
        self._own[_AT_HELD:] = held

    def requests(self) -> dict[Source, int]:
        """Item requests of all workers by what answered."""
        total = self.total()[:_AT_LATENCY].reshape(len(_SOURCES), len(_REASONS)).sum(axis=1)
        return dict(zip(_SOURCES, total.tolist(), strict=True))

    def workers(self) -> int:
        """How many workers run."""
        return sum(_runs(_pid_of(path)) for path in self._folder.glob("worker-*.bin"))

    def total(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The sum over all workers; of those that have ended, what they counted and not what they held."""
        total = np.zeros(_SIZE, np.int64)
        for path in self._folder.glob("worker-*.bin"):
            counts = np.fromfile(path, np.int64)
            if len(counts) == _SIZE:
                if not _runs(_pid_of(path)):
                    counts[_AT_HELD:] = 0
                total += counts
        return total


class ServiceCollector(Collector):
    """What /metrics says."""

    def __init__(self, counters: WorkerCounters, generation: Generation | None, lag: Lag | None) -> None:
        self._lag = lag
        self._total = counters.total()
        self._generation = generation

    def collect(self) -> Iterable[Metric]:
        """Counters, and what is held, of all workers; other gauges of the one that is asked."""
        requests = CounterMetricFamily(
            "hybrid_recs_requests", "Item requests by what answered and why.", labels=["source", "reason"]
        )
        for at, (source, reason) in enumerate(_OUTCOMES):
            if self._total[at]:
                requests.add_metric([source.value, reason.value if reason else ""], int(self._total[at]))
        yield requests
        yield self._latencies()
        yield CounterMetricFamily(
            "hybrid_recs_cache_errors", "Times that Redis did not answer.", int(self._total[_AT_ERRORS])
        )
        for at, (name, what) in enumerate(_HELD.items(), start=_AT_HELD):
            yield GaugeMetricFamily(f"hybrid_recs_{name}", what, int(self._total[at]))
        yield GaugeMetricFamily(
            "hybrid_recs_ready", "1 when a generation is loaded.", int(self._generation is not None)
        )
        if self._generation is not None:
            yield from _generation_gauges(self._generation)
        if self._lag is not None:
            yield from _event_metrics(self._lag)

    def _latencies(self) -> Metric:
        family = HistogramMetricFamily(
            "hybrid_recs_request_seconds", "Seconds of the service's own work.", labels=["source"]
        )
        for at, source in enumerate(_SOURCES):
            start = _AT_LATENCY + at * latency.BUCKETS
            counts = self._total[start : start + latency.BUCKETS]
            if counts.any():
                edges = range(0, latency.BUCKETS, latency.PER_DOUBLING)
                within = [(f"{latency.upper_edge(b):.6g}", int(counts[: b + 1].sum())) for b in edges]
                seconds = float(self._total[_AT_MICROSECONDS + at]) / 1e6
                family.add_metric([source.value], [*within, ("+Inf", int(counts.sum()))], seconds)
        return family


def _pid_of(path: Path) -> int:
    return int(path.stem.removeprefix("worker-"))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def exposition(counters: WorkerCounters, generation: Generation | None, lag: Lag | None = None) -> bytes:
    """The text that Prometheus scrapes; `lag` of the events' consumers, None where it is not known."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector(counters, generation, lag))
    return generate_latest(registry)


def _generation_gauges(generation: Generation) -> Iterator[Metric]:
    info = GaugeMetricFamily("hybrid_recs_generation_info", "The serving generation.", labels=["generation"])
    info.add_metric([generation.id], 1)
    yield info
    yield GaugeMetricFamily("hybrid_recs_items", "Items in the catalogue.", len(generation.catalogue))
    yield GaugeMetricFamily("hybrid_recs_hot_items", "Items with a precomputed list.", len(generation.hot))


def _event_metrics(lag: Lag) -> Iterator[Metric]:
    counted = {
        "accepted": ("Events accepted by all services.", lag.accepted),
        "applied": ("Events applied by all consumers.", lag.applied),
        "set_aside": ("Entries that no consumer could read.", lag.set_aside),
    }
    for name, (what, count) in counted.items():
        yield CounterMetricFamily(f"hybrid_recs_events_{name}", what, count)
    gauges = {
        "waiting": ("Events accepted but not yet applied.", lag.waiting),
        "oldest_seconds": ("How long the oldest of those waits.", lag.oldest_seconds),
        "stream_length": ("Events in Redis, applied or not.", lag.stream_length),
    }
    for name, (what, figure) in gauges.items():
        yield GaugeMetricFamily(f"hybrid_recs_events_{name}", what, figure)
