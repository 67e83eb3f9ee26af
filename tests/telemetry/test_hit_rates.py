"""The hit-rate report from counters written by hand into a real Redis."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.telemetry import latency_histogram
from hybrid_recs.telemetry.counter_fields import ADD_ONCE, KEEP_SECONDS, MAX_ITEMS_PER_HOUR, Field, arguments
from hybrid_recs.telemetry.hit_rate_advice import Figures, hit_rate_advice
from hybrid_recs.telemetry.hit_rates import HitRateReport, hit_rate_report
from hybrid_recs.telemetry.window import parse_window
from hybrid_recs.types import Outcome, PublicReason, Source

_MINUTE = 28_000_000  # minutes since 1970; the last of its hour is 19 minutes later
_HOUR = _MINUTE // 60
_NOW = _MINUTE * 60 + 42.5

CountsByReason = dict[tuple[str, Source, PublicReason | None], int]


def _old_name(generation: str, source: Source, reason: PublicReason | None) -> str:
    """The field that versions before outcomes wrote."""
    return f"{generation}|{source.value}|r{reason.value if reason else ''}"


class WrittenCounters:
    """Sends batches as a worker does."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self.client, self.keys, self.sent = client, keys, 0

    def send(
        self,
        hashes: dict[str, dict[str, int]],
        missed: dict[str, dict[str, int]] | None = None,
        number: int | None = None,
        worker: str = "w",
    ) -> bool:
        self.sent = self.sent + 1 if number is None else number
        argv = arguments(self.sent, hashes, missed or {})
        return bool(self.client.eval(ADD_ONCE, 1, self.keys.flushed(worker), *argv))

    def count(self, counts: CountsByReason, minute: int = _MINUTE) -> None:
        fields = {_old_name(*outcome): n for outcome, n in counts.items()}
        assert self.send({self.keys.stats(minute): fields})

    def miss(self, items: dict[str, int], hour: int = _HOUR) -> None:
        assert self.send({}, {self.keys.missed(hour): items})

    def report(self, seconds: int = 3_600, generation: str | None = None) -> HitRateReport:
        return hit_rate_report(self.client, self.keys, seconds, {"t1": "Tea"}.get, generation, _NOW)


@pytest.fixture
def counters(client: redis.Redis, keys: Keys) -> WrittenCounters:
    return WrittenCounters(client, keys)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1m", 60),
        ("30m", 1_800),
        ("24h", 86_400),
        ("8d", KEEP_SECONDS),
        ("192h", KEEP_SECONDS),
        ("11520m", KEEP_SECONDS),
    ],
)
def test_windows(text: str, seconds: int) -> None:
    assert parse_window(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "m",
        "5",
        "0m",
        "-1h",
        "1.5h",
        " 1h",
        "1h ",
        "1H",
        "1s",
        "1w",
        "9d",
        "193h",
        "11521m",
        "1h\n",
        "9999999m",
    ],
)
def test_invalid_windows(text: str) -> None:
    with pytest.raises(ValueError, match="is not a window"):
        parse_window(text)


def test_sums_and_shares_are_exact(counters: WrittenCounters) -> None:
    counters.count({("a", Source.CACHE, None): 50, ("a", Source.LIVE, None): 20})
    counters.count(
        {("a", Source.CACHE, None): 10, ("b", Source.LIVE, PublicReason.LIST_MISSING): 5}, _MINUTE - 3
    )
    counters.count(
        {
            ("b", Source.POPULAR, PublicReason.UNKNOWN_ITEM): 12,
            ("b", Source.NONE, PublicReason.UNKNOWN_ITEM): 3,
        }
    )
    report = counters.report()
    assert report.requests == 100
    assert report.hit_rate == 0.6
    assert [(line.source, line.reason, line.requests, line.share) for line in report.reasons] == [
        ("cache", None, 60, 0.6),
        ("live", None, 20, 0.2),
        ("popular", "unknown_item", 12, 0.12),
        ("live", "list_missing", 5, 0.05),
        ("none", "unknown_item", 3, 0.03),
    ]
    assert [(line.source, line.requests, line.share) for line in report.sources] == [
        ("cache", 60, 0.6),
        ("live", 25, 0.25),
        ("popular", 12, 0.12),
        ("none", 3, 0.03),
    ]


def test_a_users_own_list_is_a_hit(counters: WrittenCounters) -> None:
    counters.count({("a", Source.CACHE, None): 5, ("a", Source.BATCH, None): 3, ("a", Source.LIVE, None): 2})
    report = counters.report()
    assert (report.hit_rate, sum(point.hits for point in report.series)) == (0.8, 8)


def test_outcomes_together_with_counters_of_older_versions(counters: WrittenCounters) -> None:
    """Both ways of writing the same minute, as while one worker after another is replaced."""
    old = {("a", Source.CACHE, None): 10, ("a", Source.LIVE, None): 4}
    counters.count(
        old
        | {("a", Source.LIVE, PublicReason.LIST_MISSING): 3, ("-", Source.NONE, PublicReason.NOT_READY): 1}
    )
    new = {
        Field("a", Source.CACHE, Outcome.HIT, older=False): 20,
        Field("a", Source.CACHE, Outcome.HIT, older=True): 6,
        Field("a", Source.LIVE, Outcome.TAIL, older=False): 5,
        Field("b", Source.LIVE, Outcome.RISING, older=False): 7,
        Field("b", Source.LIVE, Outcome.LIST_NOT_LOADED, older=True): 2,
        Field("b", Source.BATCH, Outcome.HIT, older=False): 8,
    }
    assert counters.send({counters.keys.stats(_MINUTE): {field.name(): n for field, n in new.items()}})
    report = counters.report()
    assert (report.requests, report.older) == (66, 8)
    assert report.hit_rate == pytest.approx(44 / 66)
    assert {(line.source, line.cause): line.requests for line in report.causes} == {
        ("cache", "hit"): 36, ("live", None): 4, ("live", "list_missing"): 3, ("none", "not_ready"): 1,
        ("live", "tail"): 5, ("live", "rising"): 7, ("live", "list_not_loaded"): 2, ("batch", "hit"): 8,
    }  # fmt: skip
    assert {(line.source, line.reason): line.requests for line in report.reasons} == {
        ("cache", None): 36, ("live", None): 16, ("live", "list_missing"): 5, ("none", "not_ready"): 1,
        ("batch", None): 8,
    }  # fmt: skip
    assert [(g.generation, g.requests, g.hits, g.older) for g in report.generations] == [
        ("-", 1, 0, 0),
        ("a", 48, 36, 6),
        ("b", 17, 8, 2),
    ]
    assert sum(sum(point.causes.values()) for point in report.series) == 66
    assert counters.report(generation="b").requests == 17


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("outcome", list(Outcome))
def test_fields_with_an_outcome_are_read_back(outcome: Outcome, older: bool) -> None:
    counter = Field("20240101T0Z", Source.LIVE, outcome, older=older)
    assert counter.name() == f"20240101T0Z|live|{'o' if older else 'c'}{outcome.value}"
    assert Field.parse(counter.name()) == counter
    reason = outcome.public_reason
    assert reason is None or reason.value in (outcome.value, "list_missing")


def test_one_generation_alone(counters: WrittenCounters) -> None:
    counters.count({("a", Source.CACHE, None): 8, ("a", Source.LIVE, None): 2, ("b", Source.CACHE, None): 5})
    report = counters.report(generation="a")
    assert (report.generation, report.requests, report.hit_rate) == ("a", 10, 0.8)
    assert counters.report(generation="b").hit_rate == 1.0
    assert counters.report(generation="c").requests == 0
    assert counters.report().requests == 15


@pytest.mark.parametrize(("seconds", "minutes"), [(60, 1), (300, 5), (3_600, 60), (36_000, 600)])
def test_the_window_ends_with_the_running_minute(
    counters: WrittenCounters, seconds: int, minutes: int
) -> None:
    first = _MINUTE - minutes + 1
    for minute, count in (
        (first - 1, 1_000),
        (first, 1),
        (_MINUTE, 10 if minutes > 1 else 0),
        (_MINUTE + 1, 5_000),
    ):
        counters.count({("a", Source.CACHE, None): count}, minute)
    report = counters.report(seconds)
    assert report.requests == (11 if minutes > 1 else 1)
    assert (report.start, report.end) == (first * 60, (_MINUTE + 1) * 60)
    assert report.end - report.start == seconds


def test_nothing_counted(counters: WrittenCounters) -> None:
    report = counters.report()
    assert (report.requests, report.hit_rate) == (0, None)
    assert (report.sources, report.reasons, report.series, report.most_missed) == ([], [], [], [])
    assert report.advice.startswith("No item requests were counted in this window")


@pytest.mark.parametrize("length", [1, 60, 61, 200])
def test_the_series_covers_the_time_since_the_first_request(counters: WrittenCounters, length: int) -> None:
    first = _MINUTE - length + 1
    for minute in {first, first + length // 2, _MINUTE}:
        counters.count({("a", Source.CACHE, None): 3, ("a", Source.LIVE, None): 1}, minute)
    report = counters.report(86_400)
    starts = [point.start for point in report.series]
    step = -(-length // 60) * 60
    assert starts == list(range(first * 60, (_MINUTE + 1) * 60, step))
    assert len(starts) <= 60
    assert sum(point.requests for point in report.series) == report.requests
    assert sum(point.hits for point in report.series) == report.requests * 3 // 4
    assert report.series[0].requests >= 4
    assert report.series[-1].requests >= 4


def test_latencies_by_source(counters: WrittenCounters) -> None:
    rng = np.random.default_rng(1)
    fields: dict[str, int] = {}
    true = {}
    for source, centre in ((Source.CACHE, -8.0), (Source.LIVE, -5.5)):
        seconds = np.exp(rng.normal(centre, 0.6, 5_000))
        true[source.value] = [float(np.quantile(seconds, share)) * 1_000 for share in (0.5, 0.99)]
        for duration in seconds.tolist():
            name = Field("a", source, None, latency_histogram.bucket_of(duration)).name()
            fields[name] = fields.get(name, 0) + 1
    counters.send({counters.keys.stats(_MINUTE): fields})
    counters.count(
        {("a", Source.CACHE, None): 5_000, ("a", Source.LIVE, None): 5_000, ("a", Source.POPULAR, None): 1}
    )
    figures = {line.source: (line.p50_ms, line.p99_ms) for line in counters.report().sources}
    for name, expected in true.items():
        assert figures[name] == pytest.approx(expected, rel=0.1)
    assert figures["popular"] == (None, None)
    assert counters.report().requests == 10_001


def test_the_most_missed_come_with_titles(counters: WrittenCounters) -> None:
    counters.count({("a", Source.LIVE, None): 100})
    counters.miss({f"t{at}": 20 - at for at in range(15)})
    counters.miss({"t1": 30, "ü|:": 4}, _HOUR - 1)
    counters.miss({"t14": 10_000}, _HOUR - 3)
    missed = counters.report(7_200).most_missed
    assert [(line.item_id, line.requests) for line in missed[:3]] == [("t1", 49), ("t0", 20), ("t2", 18)]
    assert missed[0].title == "Tea"
    assert missed[1].title is None
    assert len(missed) == 10


def test_fields_of_a_newer_version_are_passed_over(counters: WrittenCounters) -> None:
    strange = {
        "a|teleport|r": 9,
        "a|cache|rbored": 9,
        "a|cache": 9,
        "": 9,
        "a|cache|bx": 9,
        "a|cache|cbored": 9,
        "a|cache|x": 9,
        "a|b|c|d": 9,
    }
    counters.send({counters.keys.stats(_MINUTE): strange | {"a|cache|r": 1}})
    assert counters.report().requests == 1


@pytest.mark.parametrize("reason", [None, *PublicReason])
@pytest.mark.parametrize("source", list(Source))
def test_fields_of_versions_before_outcomes_are_read(source: Source, reason: PublicReason | None) -> None:
    counter = Field.parse(_old_name("20240101T0Z", source, reason))
    assert counter is not None
    assert (counter.generation, counter.source, counter.older, counter.bucket) == (
        "20240101T0Z",
        source,
        False,
        -1,
    )
    if counter.outcome is None:
        assert (source, reason) == (Source.LIVE, None)
    else:
        assert counter.outcome.public_reason == reason
        assert counter.outcome.value == (reason.value if reason else "hit")


@pytest.mark.parametrize("source", list(Source))
def test_latency_buckets_are_read_back(source: Source) -> None:
    bucket = Field("g", source, None, 17)
    assert bucket.name() == f"g|{source.value}|b17"
    assert Field.parse(bucket.name()) == bucket


@pytest.mark.parametrize(
    ("outcomes", "missed", "figures"),
    [
        (
            {
                (Source.CACHE, None): 90,
                (Source.LIVE, PublicReason.CACHE_UNAVAILABLE): 8,
                (Source.LIVE, PublicReason.LIST_MISSING): 2,
            },
            {},
            {"live": {Outcome.CACHE_UNAVAILABLE: 0.08, Outcome.LIST_MISSING: 0.02}},
        ),
        (
            {
                (Source.CACHE, None): 96,
                (Source.LIVE, PublicReason.LIST_MISSING): 3,
                (Source.LIVE, PublicReason.CACHE_UNAVAILABLE): 1,
            },
            {},
            {"live": {Outcome.CACHE_UNAVAILABLE: 0.01, Outcome.LIST_MISSING: 0.03}},
        ),
        (
            {(Source.CACHE, None): 80, (Source.POPULAR, PublicReason.UNKNOWN_ITEM): 20},
            {},
            {"unknown": 0.2},
        ),
        (
            {(Source.CACHE, None): 60, (Source.LIVE, None): 40},
            {"d": 9, "a": 11, "b": 10, "c": 10},
            {"live": {None: 0.4}, "missed": [11, 10, 10, 9]},
        ),
        (
            {(Source.CACHE, None): 995, (Source.LIVE, None): 5},
            {"a": 2, "b": 2, "c": 1},
            {"requests": 1_000, "live": {None: 0.005}, "missed": [2, 2, 1]},
        ),
        (
            {(Source.CACHE, None): 90, (Source.POPULAR, PublicReason.UNKNOWN_ITEM): 10},
            {},
            {"unknown": 0.1},
        ),
    ],
)
def test_the_advice_is_on_the_counted_figures(
    counters: WrittenCounters,
    outcomes: dict[tuple[Source, PublicReason | None], int],
    missed: dict[str, int],
    figures: dict[str, Any],
) -> None:
    counters.count({("g", source, reason): count for (source, reason), count in outcomes.items()})
    counters.miss(missed)
    expected = replace(Figures(100, {}, 0.0, 0.0, None, None, []), **figures)
    assert counters.report().advice == hit_rate_advice(expected).text


def test_a_batch_sent_twice_is_added_once(counters: WrittenCounters) -> None:
    stats, missed = counters.keys.stats(_MINUTE), counters.keys.missed(_HOUR)
    batch = {stats: {"a|cache|r": 3}}, {missed: {"x": 2}}
    assert counters.send(*batch, number=7) is True
    assert counters.send(*batch, number=7) is False
    assert counters.send(*batch, number=6) is False
    assert counters.send(*batch, number=7, worker="another") is True
    assert counters.send(*batch, number=8) is True
    assert counters.report().requests == 9
    assert counters.client.zscore(missed, "x") == 6


def test_the_most_missed_are_bounded_and_the_largest_are_kept(counters: WrittenCounters) -> None:
    name = counters.keys.missed(_HOUR)
    counters.miss({f"item {at}": at + 1 for at in range(MAX_ITEMS_PER_HOUR)})
    counters.miss({f"late {at}": 100_000 + at for at in range(120)})
    assert counters.client.zcard(name) == MAX_ITEMS_PER_HOUR
    kept = cast(list[bytes], counters.client.zrange(name, 0, -1))
    expected = {f"item {at}" for at in range(120, MAX_ITEMS_PER_HOUR)} | {f"late {at}" for at in range(120)}
    assert {member.decode() for member in kept} == expected


def test_every_key_expires(counters: WrittenCounters) -> None:
    counters.count({("a", Source.CACHE, None): 1})
    counters.miss({"x": 1})
    counters.send({}, {})
    names = {name.decode() for name in counters.client.scan_iter(f"{counters.keys.prefix}:*", count=1_000)}
    keys = counters.keys
    assert names == {keys.stats(_MINUTE), keys.missed(_HOUR), keys.flushed("w")}
    assert all(KEEP_SECONDS - 5 <= counters.client.ttl(name) <= KEEP_SECONDS for name in names)
