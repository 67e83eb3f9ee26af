"""Every format of the report from counters written by hand: complete, self-contained, and safe with users'
text."""

import json
import re
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner

from hybrid_recs.cache.keys import Keys
from hybrid_recs.commands.hit_rate_report import main
from hybrid_recs.generation.generation import Generation
from hybrid_recs.telemetry import latency_histogram
from hybrid_recs.telemetry.counter_fields import ADD_ONCE, Field, arguments
from hybrid_recs.types import Source

EVIL = "<script>alert('1')</script> & \"|*"
Report = Callable[..., str]


@pytest.fixture
def report(
    client: redis.Redis, keys: Keys, generation: Generation, built_index: Path, redis_url: str
) -> Report:
    """Counts the traffic of an hour, and returns the report in any format."""
    minute = int(time.time() // 60)
    ids = [generation.catalogue.item_id(row) for row in range(generation.manifest.vectors)]
    fields = {}
    for source, count, seconds in (
        (Source.CACHE, 600, 2e-4),
        (Source.LIVE, 390, 3e-3),
        (Source.POPULAR, 10, 1e-4),
    ):
        fields[Field(generation.id, source, None).name()] = count
        fields[Field(generation.id, source, None, latency_histogram.bucket_of(seconds)).name()] = count
    requested = {ids[0]: 400, ids[1]: 200, ids[-1]: 300, ids[-2]: 90}
    batch = arguments(
        1,
        {keys.stats(minute): fields},
        {keys.missed(minute // 60): {EVIL: 300, ids[-2]: 90}, keys.requested(minute // 60): requested},
    )
    client.eval(ADD_ONCE, 1, keys.flushed("w"), *batch)
    environment = {
        "HYBRID_RECS_INDEX_DIR": str(built_index),
        "HYBRID_RECS_REDIS_URL": redis_url,
        "HYBRID_RECS_KEY_PREFIX": keys.prefix,
    }

    def render(form: str, *options: str) -> str:
        done = CliRunner().invoke(main, ["--window", "1h", "--format", form, *options], env=environment)
        assert done.exit_code == 0, done.output
        return done.stdout

    return render


class _Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.urls: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in {"meta", "link", "br", "img"}:
            self.open.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.urls += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "action"}]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_fetches_nothing(report: Report) -> None:
    page = report("html")
    parsed = _Parsed(page)
    assert parsed.open == []
    assert not {"script", "link", "img", "iframe", "object"} & set(parsed.tags)
    assert all(url.startswith("#") for url in parsed.urls)
    assert "@import" not in page
    assert re.findall(r"url\((?!#)", page) == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert parsed.tags.count("svg") == 2 * 3  # over time, latency, size; drift has one hour only
    assert len(page) < 150_000
    for text in (
        "60.0%",
        "1,000",
        "item requests",
        "Most missed items",
        "If Redis failed now",
        "target 90%",
    ):
        assert text in parsed.text


def test_users_text_is_text_in_every_form(report: Report) -> None:
    page = report("html")
    assert EVIL in _Parsed(page).text
    assert "<script" not in page
    assert "\\<script\\>alert('1')\\</script\\> & \"\\|\\*" in report("md")
    assert json.loads(report("json"))["most_missed"][0]["item_id"] == EVIL
    assert EVIL in report("text")


def test_json_has_the_counts_and_what_follows_from_them(report: Report, generation: Generation) -> None:
    result = json.loads(report("json"))
    assert (result["requests"], result["hit_rate"]) == (1_000, 0.6)
    assert result["peak_per_second"] == pytest.approx(1_000 / 60)
    assert result["series"][0]["sources"] == {"cache": 600, "live": 390, "popular": 10}
    assert result["plan"]["requests"] == 1_000
    assert result["plan"]["most"] == pytest.approx(0.99)
    assert result["plan"]["hot_items"] == len(generation.hot)
    assert result["plan"]["times"]["live_ms"] == pytest.approx(3, rel=0.1)
    assert result["drift"]["coverage"] == pytest.approx(600 / 990)
    assert result["headroom"]["carried"] == 1


def test_the_terminal_and_markdown_hold_the_same_parts(report: Report, tmp_path: Path) -> None:
    text = report("text")
    for part in ("hit rate 60.0%", "Cache plan", "Drift since the rebuild", "If Redis failed now"):
        assert part in text
    page = report("md")
    for part in ("**60.0%** of 1,000", "## Size of the hot set", "## Drift", "## If Redis failed now"):
        assert part in page
    report("text", "--out", str(tmp_path / "report.txt"))
    assert "hit rate 60.0%" in (tmp_path / "report.txt").read_text()


def test_before_any_traffic_and_before_any_generation(redis_url: str, keys: Keys, tmp_path: Path) -> None:
    environment = {
        "HYBRID_RECS_INDEX_DIR": str(tmp_path),
        "HYBRID_RECS_REDIS_URL": redis_url,
        "HYBRID_RECS_KEY_PREFIX": keys.prefix,
    }
    for form in ("text", "md", "html", "json"):
        done = CliRunner().invoke(main, ["--format", form], env=environment)
        assert done.exit_code == 0, done.output
        assert "No item requests were counted" in done.stdout
