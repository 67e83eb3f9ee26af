"""Planted impressions and events give exactly the expected figures."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import redis
from click.testing import CliRunner
from rich.console import Console

from hybrid_recs.cache.keys import Keys
from hybrid_recs.commands.prediction_report import main, make_report
from hybrid_recs.events.impression import Impression
from hybrid_recs.generation.generation import Generation
from hybrid_recs.reports.predictions.render import impressions_markdown, print_impressions
from hybrid_recs.reports.predictions.report import ImpressionReport, wilson
from hybrid_recs.settings import Settings

HOUR = 3_600
_COLUMNS = ("event_id", "type", "user_id", "session_id", "item_id", "time", "recommendation_id", "received")


@pytest.fixture
def settings(built_index: Path, redis_url: str, keys: Keys, tmp_path: Path) -> Settings:
    return Settings(
        index_dir=built_index,
        redis_url=redis_url,
        key_prefix=keys.prefix,
        var_dir=tmp_path,
        log_predictions_share=0.5,
    )


def _now(client: redis.Redis) -> float:
    """By the clock of Redis, which numbers the streams, just after everything planted."""
    seconds, micros = client.time()
    return float(seconds) + float(micros) / 1e6 + 0.01


def _log(client: redis.Redis, keys: Keys, impression: Impression) -> None:
    client.xadd(keys.impressions(), impression.fields())  # type: ignore[arg-type]


def _event(
    at: int, item: str, time: float, recommendation: str | None, user: str | None = None
) -> list[object]:
    return [f"e{at}", "view", user, f"s{at}", item, time, recommendation]


def _stream(client: redis.Redis, keys: Keys, event: list[object]) -> None:
    client.xadd(keys.events(), {"e": json.dumps(dict(zip(_COLUMNS, event, strict=False)))})


def _archive(folder: Path, name: str, events: list[list[object]], received: float) -> None:
    day = folder / f"day={datetime.fromtimestamp(received, UTC).date().isoformat()}"
    day.mkdir(parents=True, exist_ok=True)
    rows = [[*event, received] for event in events]
    pl.DataFrame(rows, schema=list(_COLUMNS), orient="row").write_parquet(day / f"{name}.parquet")


@pytest.fixture
def report(settings: Settings, client: redis.Redis, keys: Keys, generation: Generation) -> ImpressionReport:
    now = _now(client)
    for at in range(40):
        source, kind = ("batch", "user") if at < 10 else ("live", "session")
        age = 100.0 * (at + 1) if at < 10 else None
        impression = Impression(
            f"r{at}", now - HOUR, kind, source, "g", None, ("a", "b", f"only{at % 4}"), age
        )
        _log(client, keys, impression)
    _log(client, keys, Impression("r0", now - 10, "user", "batch", "g", None, ("late",), 5.0))  # an id again
    _log(client, keys, Impression("old", now - 30 * HOUR, "item", "cache", "g", None, ("a",), None))
    client.xadd(keys.impressions(), {"something": "else"})
    client.xadd(keys.events(), {"e": "not an event"})
    archived = [
        _event(0, "a", now - HOUR + 5, "r0", "anna"),
        _event(1, "a", now - HOUR + 9, "r0", "anna"),  # the same item of the same list: one click
        _event(2, "b", now - HOUR + 9, "r0", "anna"),
        _event(3, "zz", now - HOUR + 9, "r1", "bert"),  # was not shown
        _event(4, "a", now - HOUR + 9, None, "carl"),
    ]
    archive = settings.var_dir / "events"
    _archive(archive, "1", archived, now - HOUR)
    _archive(archive, "2", [_event(90, "a", now - 24.5 * HOUR, "r1", "dora")], now - 24.5 * HOUR)  # before
    _stream(client, keys, archived[0])  # archived, not yet trimmed
    _stream(client, keys, _event(5, "b", now - HOUR + 99, "r9"))
    _stream(client, keys, _event(6, "a", now - 2, "r2"))  # after the 30 minutes it has
    _stream(client, keys, _event(7, "only3", now - HOUR - 1, "r11", "anna"))  # by a clock that is behind
    _stream(client, keys, _event(8, "a", now - HOUR + 1, "not logged"))
    client.set(keys.user_list(generation.id, "anna"), b"", ex=60)
    return make_report(client, settings, archive, 24 * HOUR, 1_800, now=_now(client))


def test_clicks_by_source_and_kind(report: ImpressionReport) -> None:
    for rates, names in ((report.by_source, ("live", "batch")), (report.by_kind, ("session", "user"))):
        live, batch = rates
        assert (live.name, batch.name) == names
        assert (live.predictions, live.clicks, live.clicked) == (30, 1, 1)
        assert (batch.predictions, batch.clicks, batch.clicked) == (10, 3, 2)
        assert live.clicks_per_thousand == live.clicked_per_thousand == pytest.approx(1_000 / 30)
        assert (batch.clicks_per_thousand, batch.clicked_per_thousand) == pytest.approx((300, 200))
        assert (batch.low, batch.high) == pytest.approx((56.68, 509.84), abs=0.01)


def test_attribution_coverage_and_age(report: ImpressionReport, generation: Generation) -> None:
    assert report.predictions == 40
    assert (report.events, report.named, report.attributed) == (9, 8, 5)
    assert report.share_attributed == pytest.approx(min(1.0, 5 / (9 * 0.5)))
    assert (report.shown, report.items) == (6, len(generation.catalogue))
    assert report.coverage == 6 / len(generation.catalogue)
    assert (report.users, report.with_list) == (3, 1)
    assert report.aged == 10
    assert report.age_seconds == pytest.approx({"p50": 550, "p90": 910, "p99": 991, "max": 1_000})
    assert "Only 40 impressions" in report.advice


def test_a_terminal_and_a_page_show_the_same(report: ImpressionReport) -> None:
    console = Console(record=True, width=120, quiet=False, file=None)
    with console.capture() as captured:
        print_impressions(report, console)
    text, page = captured.get(), impressions_markdown(report)
    for line in (text, page):
        for figure in ("300.0", "56.7 … 509.8", "9, 8 with", "6 of", "1 of 3 active users", "p50 9 min"):
            assert figure in line
    assert "| batch | 10 | 3 | 300.0 | 2 | 200.0 | 56.7 … 509.8 |" in page


def test_wilson_is_that_of_the_literature() -> None:
    # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 1998.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


def test_empty_states_say_what_to_do(settings: Settings, client: redis.Redis, keys: Keys) -> None:
    def advice(**changes: object) -> str:
        changed = settings.model_copy(update=changes)
        return make_report(client, changed, settings.var_dir / "events", HOUR, HOUR, now=_now(client)).advice

    assert "LOG_PREDICTIONS_SHARE" in advice(log_predictions_share=0.0)
    nothing = make_report(client, settings, settings.var_dir / "events", HOUR, HOUR)
    assert (nothing.by_source, nothing.share_attributed, nothing.age_seconds) == ([], None, {})
    assert "make serve" in advice()
    now = _now(client)
    _log(client, keys, Impression("r", now - 5, "item", "live", "g", None, ("a",), None))
    assert "POST /events" in advice()
    _stream(client, keys, _event(1, "a", now - 3, None))
    assert "recommendation_id" in advice()
    _stream(client, keys, _event(2, "b", now - 3, "r"))
    assert "could be attributed" in advice()
    _stream(client, keys, _event(3, "a", now - 3, "r"))
    assert "Only 1 impression logged" in advice()


def test_the_command_prints_each_format(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("index_dir", "redis_url", "key_prefix", "var_dir"):
        monkeypatch.setenv(f"HYBRID_RECS_{name.upper()}", str(getattr(settings, name)))

    def printed(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["--window", "30m", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    assert json.loads(printed("--format", "json"))["predictions"] == 0
    assert printed("--format", "md").startswith("# Impressions and clicks")
    assert "No impressions were logged" in printed()
    refused = CliRunner().invoke(main, ["--window", "9d"])
    assert refused.exit_code == 2
    assert "at most the 8 days" in refused.output


def test_before_anything_is_published(settings: Settings, client: redis.Redis, tmp_path: Path) -> None:
    bare = settings.model_copy(update={"index_dir": tmp_path / "none"})
    report = make_report(client, bare, tmp_path / "events", HOUR, HOUR)
    assert (report.items, report.coverage, report.with_list) == (0, None, 0)
