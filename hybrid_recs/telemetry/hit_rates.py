"""The cache hit-rate report as data: the counters of a window, read and added up."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.telemetry import counter_reader, latency_histogram
from hybrid_recs.telemetry.counter_fields import Field
from hybrid_recs.telemetry.hit_rate_advice import Figures, hit_rate_advice
from hybrid_recs.types import HIT_SOURCES, Outcome, PublicReason, Source

_MAX_MISSED_SHOWN = 10
_POINTS = 60


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """Requests answered by one source; milliseconds measure the service's own work."""

    source: str
    requests: int
    share: float
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class ReasonFigures:
    """Requests by source and reason."""

    source: str
    reason: str | None
    requests: int
    share: float


@dataclass(frozen=True, slots=True)
class CauseFigures:
    """Requests by source and cause (`types.Outcome`), which is finer than the reason; None: a live answer
    counted by a version without outcomes."""

    source: str
    cause: str | None
    requests: int
    share: float


@dataclass(frozen=True, slots=True)
class GenerationFigures:
    """Requests answered by one generation ("-": there was none); older: while another one was published."""

    generation: str
    requests: int
    hits: int
    older: int


@dataclass(frozen=True, slots=True)
class Point:
    """One interval of the window; `start` in seconds since 1970. sources, causes: requests by source and by
    outcome."""

    start: int
    requests: int
    hits: int
    sources: dict[str, int]
    causes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MissedItem:
    """An item that was answered live because it is not hot."""

    item_id: str
    title: str | None
    requests: int


@dataclass(frozen=True, slots=True)
class HitRateReport:
    """The requests of [start, end), in seconds since 1970; shares are of `requests`.

    hit_rate: answers from a precomputed list (sources cache and batch) over all requests, including refused
    ones (unknown, not ready). older: requests answered while another generation was published.
    peak_per_second: average requests per second in the busiest minute.
    """

    start: int
    end: int
    generation: str | None
    requests: int
    hit_rate: float | None
    sources: list[SourceFigures]
    reasons: list[ReasonFigures]
    series: list[Point]
    most_missed: list[MissedItem]
    advice: str
    peak_per_second: float = 0.0
    causes: list[CauseFigures] = field(default_factory=list)
    generations: list[GenerationFigures] = field(default_factory=list)
    older: int = 0


@dataclass(frozen=True, slots=True)
class _AnsweredBy:
    generation: str
    hit: bool
    older: bool


@dataclass(slots=True)
class _Sums:
    outcomes: Counter[tuple[Source, Outcome | None]] = field(default_factory=Counter)
    generations: Counter[_AnsweredBy] = field(default_factory=Counter)
    buckets: dict[Source, list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0] * latency_histogram.BUCKETS)
    )
    by_minute: dict[int, Counter[tuple[Source, Outcome | None]]] = field(
        default_factory=lambda: defaultdict(Counter)
    )

    def add(self, minute: int, counter: Field, count: int) -> None:
        source = counter.source
        if counter.bucket >= 0:
            self.buckets[source][min(counter.bucket, latency_histogram.BUCKETS - 1)] += count
            return
        self.outcomes[source, counter.outcome] += count
        self.generations[_AnsweredBy(counter.generation, source in HIT_SOURCES, counter.older)] += count
        self.by_minute[minute][source, counter.outcome] += count

    @property
    def reasons(self) -> Counter[tuple[Source, PublicReason | None]]:
        counts: Counter[tuple[Source, PublicReason | None]] = Counter()
        for (source, outcome), count in self.outcomes.items():
            counts[source, outcome.public_reason if outcome else None] += count
        return counts

    @property
    def older(self) -> int:
        return sum(count for key, count in self.generations.items() if key.older)


def hit_rate_report(
    client: redis.Redis,
    keys: Keys,
    seconds: int,
    title: Callable[[str], str | None],
    generation: str | None = None,
    now: float | None = None,
) -> HitRateReport:
    """The report of the last `seconds`, in whole minutes, for one `generation` or for all.

    title: of an item id, None if it has none.
    """
    minutes = counter_reader.minutes_of(seconds, time.time() if now is None else now)
    sums = _Sums()
    for minute, counter, count in counter_reader.read_counters(client, keys, minutes):
        if generation in (None, counter.generation):
            sums.add(minute, counter, count)
    requests = sums.outcomes.total()
    missed = counter_reader.sum_of_hours(
        counter_reader.items_by_hour(client, keys.missed, counter_reader.hours_of(minutes))
    )
    return HitRateReport(
        start=minutes.start * 60,
        end=minutes.stop * 60,
        generation=generation,
        requests=requests,
        hit_rate=sum(_of_source(sums, source) for source in HIT_SOURCES) / requests if requests else None,
        sources=_sources(sums, requests),
        reasons=[
            ReasonFigures(source.value, reason.value if reason else None, count, count / requests)
            for (source, reason), count in sums.reasons.most_common()
        ],
        series=_series(sums, minutes.stop - 1),
        most_missed=[
            MissedItem(item_id, title(item_id), count)
            for item_id, count in missed.most_common(_MAX_MISSED_SHOWN)
        ],
        advice=hit_rate_advice(_figures(sums, missed)).text,
        peak_per_second=max((counts.total() for counts in sums.by_minute.values()), default=0) / 60,
        causes=[
            CauseFigures(source.value, outcome.value if outcome else None, count, count / requests)
            for (source, outcome), count in sums.outcomes.most_common()
        ],
        generations=_generations(sums),
        older=sums.older,
    )


def _generations(sums: _Sums) -> list[GenerationFigures]:
    """Oldest first: ids sort by their time of creation."""
    figures = []
    for generation in sorted({key.generation for key in sums.generations}):
        counts = {key: count for key, count in sums.generations.items() if key.generation == generation}
        hits = sum(count for key, count in counts.items() if key.hit)
        older = sum(count for key, count in counts.items() if key.older)
        figures.append(GenerationFigures(generation, sum(counts.values()), hits, older))
    return figures


def _of_source(sums: _Sums, source: Source) -> int:
    return sum(count for (counted, _), count in sums.outcomes.items() if counted is source)


def _sources(sums: _Sums, requests: int) -> list[SourceFigures]:
    figures = []
    for source in Source:
        count = _of_source(sums, source)
        if count:
            p50, p99 = (_milliseconds(sums.buckets[source], share) for share in (0.5, 0.99))
            figures.append(SourceFigures(source.value, count, count / requests, p50, p99))
    return figures


def _milliseconds(buckets: list[int], share: float) -> float | None:
    seconds = latency_histogram.quantile(buckets, share)
    return None if seconds is None else round(seconds * 1_000, 4)


def _figures(sums: _Sums, missed: Counter[str]) -> Figures:
    requests = max(sums.outcomes.total(), 1)
    cached_ms, live_ms = (_milliseconds(sums.buckets[source], 0.5) for source in (Source.CACHE, Source.LIVE))
    return Figures(
        requests=sums.outcomes.total(),
        live={
            outcome: count / requests
            for (source, outcome), count in sums.outcomes.items()
            if source is Source.LIVE
        },
        older=sums.older / requests,
        unknown=sums.outcomes[Source.POPULAR, Outcome.UNKNOWN_ITEM] / requests,
        cached_ms=cached_ms,
        live_ms=live_ms,
        missed=sorted(missed.values(), reverse=True),
    )


def _series(sums: _Sums, last_minute: int) -> list[Point]:
    """At most 60 intervals of equal length, starting with the first minute that has a request."""
    if not sums.by_minute:
        return []
    first = min(sums.by_minute)
    step = -(-(last_minute - first + 1) // _POINTS)
    points = []
    for start in range(first, last_minute + 1, step):
        counts: Counter[tuple[Source, Outcome | None]] = Counter()
        for minute in range(start, start + step):
            counts.update(sums.by_minute.get(minute, {}))
        sources: Counter[str] = Counter()
        causes: Counter[str] = Counter()
        for (source, outcome), count in counts.items():
            sources[source.value] += count
            causes[(outcome or Outcome.TAIL).value] += count
        hits = sum(sources[source.value] for source in HIT_SOURCES)
        points.append(Point(start * 60, sources.total(), hits, dict(sources), dict(causes)))
    return points
