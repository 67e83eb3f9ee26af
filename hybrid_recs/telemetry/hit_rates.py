"""The cache hit-rate report as data: read from the counters of a window, added up, and put into words."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.telemetry import counter_reader, latency_histogram
from hybrid_recs.telemetry.counter_fields import Field
from hybrid_recs.types import HIT_SOURCES, Outcome, PublicReason, Source

_MAX_MISSED_SHOWN = 10
_POINTS = 60
_WORTH_SAYING = 0.005


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """Requests answered by one source; milliseconds are of the service's own work."""

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
    """Requests by source and cause (types.Outcome), which is finer than the reason; None: a live answer that
    a version before outcomes counted."""

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
    """One stretch of the window; `start` in seconds since 1970; sources, causes: requests by what answered
    and why."""

    start: int
    requests: int
    hits: int
    sources: dict[str, int]
    causes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Missed:
    """An item that was answered live because it is not hot."""

    item_id: str
    title: str | None
    requests: int


@dataclass(frozen=True, slots=True)
class HitRateReport:
    """What happened in [start, end), seconds since 1970; shares are of `requests`.

    hit_rate: answers from a list computed ahead (sources cache and batch) over all requests, refused ones
    (unknown, not ready) among them. older: requests answered while another generation was published.
    peak_per_second: requests a second in the busiest minute, on its average.
    """

    start: int
    end: int
    generation: str | None
    requests: int
    hit_rate: float | None
    sources: list[SourceFigures]
    reasons: list[ReasonFigures]
    series: list[Point]
    most_missed: list[Missed]
    advice: str
    peak_per_second: float = 0.0
    causes: list[CauseFigures] = field(default_factory=list)
    generations: list[GenerationFigures] = field(default_factory=list)
    older: int = 0


@dataclass(slots=True)
class _Sums:
    outcomes: Counter[tuple[Source, Outcome | None]] = field(default_factory=Counter)
    generations: Counter[tuple[str, bool, bool]] = field(default_factory=Counter)
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
        self.generations[counter.generation, source in HIT_SOURCES, counter.older] += count
        self.by_minute[minute][source, counter.outcome] += count

    def lost(self, *outcomes: Outcome | None) -> float:
        """Share of the requests that were answered live with any of these outcomes."""
        return sum(self.outcomes[Source.LIVE, outcome] for outcome in outcomes) / self.outcomes.total()

    @property
    def reasons(self) -> Counter[tuple[Source, PublicReason | None]]:
        counts: Counter[tuple[Source, PublicReason | None]] = Counter()
        for (source, outcome), count in self.outcomes.items():
            counts[source, outcome.public_reason if outcome else None] += count
        return counts

    @property
    def older(self) -> int:
        return sum(count for (_, _, older), count in self.generations.items() if older)


def hit_rate_report(
    client: redis.Redis,
    keys: Keys,
    seconds: int,
    title: Callable[[str], str | None],
    generation: str | None = None,
    now: float | None = None,
) -> HitRateReport:
    """The report of the last `seconds`, whole minutes, of one generation or of all."""
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
        hit_rate=sum(_of_source(sums, hit) for hit in HIT_SOURCES) / requests if requests else None,
        sources=_sources(sums, requests),
        reasons=[
            ReasonFigures(source.value, reason.value if reason else None, count, count / requests)
            for (source, reason), count in sums.reasons.most_common()
        ],
        series=_series(sums, minutes.stop - 1),
        most_missed=[Missed(i, title(i), n) for i, n in missed.most_common(_MAX_MISSED_SHOWN)],
        advice=_advice(sums, missed, requests),
        peak_per_second=max((of.total() for of in sums.by_minute.values()), default=0) / 60,
        causes=[
            CauseFigures(source.value, outcome.value if outcome else None, count, count / requests)
            for (source, outcome), count in sums.outcomes.most_common()
        ],
        generations=_generations(sums),
        older=sums.older,
    )


def _generations(sums: _Sums) -> list[GenerationFigures]:
    """Oldest first, as ids sort by time of birth."""
    figures = []
    for name in sorted({name for name, _, _ in sums.generations}):
        of = {(hit, older): n for (of, hit, older), n in sums.generations.items() if of == name}
        hits = sum(n for (hit, _), n in of.items() if hit)
        older = sum(n for (_, older), n in of.items() if older)
        figures.append(GenerationFigures(name, sum(of.values()), hits, older))
    return figures


def _of_source(sums: _Sums, source: Source) -> int:
    return sum(count for (of, _), count in sums.outcomes.items() if of is source)


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


def _series(sums: _Sums, last: int) -> list[Point]:
    """At most 60 stretches of equal length, from the first minute with a request on."""
    if not sums.by_minute:
        return []
    begin = min(sums.by_minute)
    stretch = -(-(last - begin + 1) // _POINTS)
    points = []
    for start in range(begin, last + 1, stretch):
        counts: Counter[tuple[Source, Outcome | None]] = Counter()
        for minute in range(start, start + stretch):
            counts.update(sums.by_minute.get(minute, {}))
        sources: Counter[str] = Counter()
        causes: Counter[str] = Counter()
        for (source, outcome), count in counts.items():
            sources[source.value] += count
            causes[(outcome or Outcome.TAIL).value] += count
        hits = sum(sources[source.value] for source in HIT_SOURCES)
        points.append(Point(start * 60, sources.total(), hits, dict(sources), dict(causes)))
    return points


def _advice(sums: _Sums, missed: Counter[str], requests: int) -> str:
    """One sentence: what the figures ask for."""
    if not requests:
        return "No item request was counted in this window: send some to /recommendations?item_id=…"
    if (share := sums.lost(Outcome.CACHE_UNAVAILABLE)) > 0.01:
        return f"Redis was out of reach for {share:.1%} of the requests: see to it first."
    if (share := sums.lost(Outcome.LIST_MISSING, Outcome.RISING_LIST_MISSING)) > 0.01:
        return (
            f"Lists of hot items were missing for {share:.1%} of the requests: Redis evicted or lost them; "
            "give it more memory or make the hot set smaller."
        )
    if (share := sums.lost(Outcome.LIST_NOT_LOADED)) > 0.01:
        return (
            f"{share:.1%} of the requests asked for hot items before their lists were in Redis: see the log "
            "of the service, unless it has only just started or Redis was emptied."
        )
    if (share := sums.older / requests) > 0.01:
        return (
            f"{share:.1%} of the requests were answered by a generation that is not the published one: see "
            "the log of the service for why the published one cannot be loaded."
        )
    unknown = sums.outcomes[Source.POPULAR, Outcome.UNKNOWN_ITEM] / requests
    if unknown > 0.1:
        return f"{unknown:.1%} of the requests asked for unknown items: rebuild the index with newer data."
    cached, live = (latency_histogram.quantile(sums.buckets[of], 0.5) for of in (Source.CACHE, Source.LIVE))
    if cached is not None and live is not None and live <= cached:
        return (
            f"Live answers took {live * 1e3:.2f} ms at the median and cached ones {cached * 1e3:.2f} ms: "
            "at this size and load the cache saves no time, and a larger hot set would not either."
        )
    return _advice_on_size(missed, sums.lost(None, Outcome.TAIL))


def _advice_on_size(missed: Counter[str], lost: float) -> str:
    """The fewest more hot items that would have bought half of what ordinary misses cost.

    lost: the share of the window's requests that were such misses. The items are counted by the hour and
    held to a bound, so they say how misses are spread, not how many there were.
    """
    half, bought, items = missed.total() / 2, 0, 0
    for _, count in missed.most_common():
        if bought >= half:
            break
        bought, items = bought + count, items + 1
    gain = lost * bought / max(missed.total(), 1)
    if gain < _WORTH_SAYING:
        return "The hot set covers nearly all requests: nothing to do."
    return (
        f"{items:,} more hot item{'s' if items > 1 else ''} would have raised the hit rate by "
        f"{gain * 100:.1f} points "
        f"(half of what the most-missed items cost): raise HYBRID_RECS_HOT_SHARE and rebuild, "
        "or leave it if live answers are fast enough."
    )
