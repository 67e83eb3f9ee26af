"""The content of /metrics: Prometheus metrics in base units, the same from every worker.

Expected counters are exported from the start, at 0, so that their first increment is visible as a rise.
"""

import platform
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

import hybrid_recs
from hybrid_recs.generation.generation import Generation
from hybrid_recs.telemetry import latency_histogram
from hybrid_recs.telemetry.consumer_lag import ConsumerLag
from hybrid_recs.telemetry.shared_counters import CounterTotals, SharedCounters
from hybrid_recs.types import Outcome, PublicReason, Source

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_GAUGE_HELP = {
    "local_answers": "Rendered answers in the workers' memory.",
    "local_bytes": "Bytes that the rendered answers in the workers' memory take.",
    "rising_items": "Rising items admitted; one that two workers have admitted counts twice.",
    "unwritten_requests": "Requests counted in the workers' memory but not yet in Redis.",
}
_EXPECTED_LATENCIES = (Source.CACHE, Source.LIVE)
_EXPECTED: frozenset[tuple[Source, Outcome]] = frozenset(
    {
        (Source.CACHE, Outcome.HIT),
        (Source.BATCH, Outcome.HIT),
        (Source.LIVE, Outcome.TAIL),
        (Source.LIVE, Outcome.RISING),
        (Source.LIVE, Outcome.COMPOSED),
        (Source.LIVE, Outcome.LIST_MISSING),
        (Source.LIVE, Outcome.LIST_NOT_LOADED),
        (Source.LIVE, Outcome.RISING_LIST_MISSING),
        (Source.LIVE, Outcome.CACHE_UNAVAILABLE),
        (Source.LIVE, Outcome.LIST_TOO_SHORT),
        (Source.LIVE, Outcome.LIST_STALE),
        (Source.CONTENT, Outcome.NO_INTERACTIONS),
        (Source.POPULAR, Outcome.NO_VECTOR),
        (Source.POPULAR, Outcome.UNKNOWN_ITEM),
        (Source.POPULAR, Outcome.NOTHING_KNOWN),
        (Source.POPULAR, Outcome.VISITOR_UNAVAILABLE),
        (Source.LIVE, Outcome.VISITOR_UNAVAILABLE),
        (Source.NONE, Outcome.UNKNOWN_ITEM),
        (Source.NONE, Outcome.NOT_READY),
    }
)
_EXPECTED_REASONS = {(source, outcome.public_reason) for source, outcome in _EXPECTED}


class ServiceCollector(Collector):
    """The metrics at one moment; made for one scrape."""

    def __init__(self, total: CounterTotals, generation: Generation | None, lag: ConsumerLag | None) -> None:
        self._total = total
        self._generation = generation
        self._lag = lag

    def collect(self) -> Iterable[Metric]:
        yield from _requests(self._total)
        yield _latencies(self._total)
        yield _counter("cache_errors", "Times that Redis did not answer.", self._total.cache_errors)
        yield _coverage(self._total)
        for name, count in self._total.gauges._asdict().items():
            yield _gauge(name, _GAUGE_HELP[name], count)
        yield from _state(self._total)
        if self._generation is not None:
            yield _gauge("items", "Items in the catalogue.", len(self._generation.catalogue))
            yield _gauge("hot_items", "Items with a precomputed list.", len(self._generation.hot))
        if self._lag is not None:
            yield from _event_metrics(self._lag)


def exposition(
    counters: SharedCounters, generation: Generation | None, lag: ConsumerLag | None = None
) -> bytes:
    """The text that Prometheus scrapes; lag: of the event consumers, None where it is unknown."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector(counters.total(), generation, lag))
    return generate_latest(registry)


def _requests(total: CounterTotals) -> Iterator[Metric]:
    by_reason = CounterMetricFamily(
        "hybrid_recs_requests",
        "Requests for recommendations by source and the fallback reason that clients are told.",
        labels=["source", "reason"],
    )
    for (source, reason), count in total.reasons.items():
        if count or (source, reason) in _EXPECTED_REASONS:
            by_reason.add_metric([source.value, _label(reason)], count)
    by_cause = CounterMetricFamily(
        "hybrid_recs_requests_by_cause",
        "The same requests by source and the finer cause.",
        labels=["source", "cause"],
    )
    for (source, outcome), count in total.outcomes.items():
        if count or (source, outcome) in _EXPECTED:
            by_cause.add_metric([source.value, outcome.value], count)
    yield by_reason
    yield by_cause
    yield _counter(
        "older_generation_requests",
        "Requests answered by a generation other than the published one, once the worker had seen that.",
        total.older,
    )


def _label(reason: PublicReason | None) -> str:
    return reason.value if reason else ""


def _latencies(total: CounterTotals) -> Metric:
    family = HistogramMetricFamily(
        "hybrid_recs_request_seconds", "Seconds of the service's own work.", labels=["source"]
    )
    edges = range(0, latency_histogram.BUCKETS, latency_histogram.PER_DOUBLING)
    for source in Source:
        counts, seconds = total.latencies(source)
        if any(counts) or source in _EXPECTED_LATENCIES:
            within = [(f"{latency_histogram.upper_edge(b):.6g}", sum(counts[: b + 1])) for b in edges]
            family.add_metric([source.value], [*within, ("+Inf", sum(counts))], seconds)
    return family


def _coverage(total: CounterTotals) -> Metric:
    family = CounterMetricFamily(
        "hybrid_recs_item_requests",
        "Requests for one known item, hot or not; estimated from a sample on busy services.",
        labels=["hot"],
    )
    hot, others = total.item_requests
    family.add_metric(["true"], hot)
    family.add_metric(["false"], others)
    return family


def _state(total: CounterTotals) -> Iterator[Metric]:
    yield _gauge("ready", "1 when every worker has a generation.", int(total.all_ready))
    yield _gauge("workers", "Workers that run.", total.workers)
    yield _gauge(
        "cache_reachable",
        "1 while Redis answers every worker, as far as they know.",
        int(total.all_reach_cache),
    )
    dependencies = GaugeMetricFamily(
        "hybrid_recs_dependency_workers",
        "Running workers by the state in which they see a dependency.",
        labels=["dependency", "state"],
    )
    for (dependency, state), workers in total.health.items():
        dependencies.add_metric([dependency.value, state.value], workers)
    yield dependencies
    yield GaugeMetricFamily(
        "process_start_time_seconds", "When the service's first worker started, since 1970.", total.started
    )
    build = {"version": hybrid_recs.__version__, "python": platform.python_version()}
    yield InfoMetricFamily("hybrid_recs_build", "The program.", build)
    serving = GaugeMetricFamily(
        "hybrid_recs_generation_info", "Generations that workers serve.", labels=["generation"]
    )
    for name in total.generations:
        serving.add_metric([name], 1)
    yield serving
    if total.generations:
        oldest = min(total.generations.values())
        yield _gauge(
            "generation_created_timestamp_seconds",
            "When the serving generation was built, since 1970; of the oldest that a worker serves.",
            oldest,
        )


def _event_metrics(lag: ConsumerLag) -> Iterator[Metric]:
    counters = {
        "accepted": ("Events accepted by all services.", lag.accepted),
        "applied": ("Events applied by all consumers.", lag.applied),
        "set_aside": ("Entries that no consumer could read.", lag.set_aside),
    }
    for name, (what, count) in counters.items():
        yield _counter(f"events_{name}", what, count)
    gauges = {
        "waiting": ("Events accepted but not yet applied.", lag.waiting),
        "oldest_seconds": ("How long the oldest of those has been waiting.", lag.oldest_seconds),
        "stream_length": ("Events in Redis, applied or not.", lag.stream_length),
    }
    for name, (what, figure) in gauges.items():
        yield _gauge(f"events_{name}", what, figure)


def _counter(name: str, what: str, count: int) -> Metric:
    return CounterMetricFamily(f"hybrid_recs_{name}", what, count)


def _gauge(name: str, what: str, figure: float) -> Metric:
    return GaugeMetricFamily(f"hybrid_recs_{name}", what, figure)
