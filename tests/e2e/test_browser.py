"""The page in a real browser, beside a real service, Redis and consumer."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hybrid_recs.cache.keys import Keys
from hybrid_recs.demo.child_service import ChildService, child_service
from tests.planted import item_id

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: make test-browser"
)

pytestmark = pytest.mark.slow

DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 360, "height": 740}
PUSHED = re.compile(r"pushed after \d+ ms")
CHROMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Playwright's own Chromium, else the machine's."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as started:
        paths = [started.chromium.executable_path, *map(shutil.which, CHROMES)]
        found = next((path for path in paths if path and Path(path).exists()), None)
        if found is None:
            pytest.skip("no Chromium: playwright install chromium, or a package of the system")
        opened = started.chromium.launch(executable_path=found, args=arguments)
        yield opened
        opened.close()


class Visit:
    """One page in a browser of its own, and what went wrong in it."""

    def __init__(self, browser: Any, url: str, viewport: dict[str, int], **options: Any) -> None:
        self.context = browser.new_context(viewport=viewport, reduced_motion="reduce", **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.problems: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self._check(request.url))
        self._url = url

    def open(self, path: str = "/") -> None:
        self.page.goto(self._url + path)

    def _said(self, said: Any) -> None:
        if said.type == "error":
            self.problems.append(said.text)

    def _check(self, asked: str) -> None:
        if not asked.startswith((f"{self._url}/", "data:")):
            self.problems.append(f"a request to {asked}")

    def expect(self, selector: str) -> Any:
        return playwright.expect(self.page.locator(selector))

    def rows(self, of: str) -> list[str]:
        return self.page.locator(f"{of} [data-item]").evaluate_all("rows => rows.map(r => r.dataset.item)")  # type: ignore[no-any-return]

    def scores(self) -> list[str]:
        """Of what is recommended to the session."""
        return self.page.locator("#for-session .score").all_inner_texts()  # type: ignore[no-any-return]

    def fits(self) -> bool:
        """Whether nothing is wider than the window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@contextmanager
def visit(
    browser: Any, service: ChildService, viewport: dict[str, int] = DESKTOP, **options: Any
) -> Iterator[Visit]:
    """A visit in which nothing may go wrong."""
    opened = Visit(browser, service.url, viewport, **options)
    try:
        yield opened
        assert opened.problems == []
    finally:
        opened.context.close()


@pytest.fixture
def environment(built_index: Path, redis_url: str, keys: Keys, tmp_path: Path) -> dict[str, str]:
    return {
        "HYBRID_RECS_INDEX_DIR": str(built_index),
        "HYBRID_RECS_REDIS_URL": redis_url,
        "HYBRID_RECS_KEY_PREFIX": keys.prefix,
        "HYBRID_RECS_VAR_DIR": str(tmp_path / "var"),
        "HYBRID_RECS_FLUSH_SECONDS": "0.2",
    }


@pytest.fixture
def service(environment: dict[str, str], tmp_path: Path) -> Iterator[ChildService]:
    with child_service(tmp_path / "log", environment) as running:
        yield running


@contextmanager
def consumer(environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs.consume_events"],
            env=os.environ | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def test_a_visit(browser: Any, service: ChildService, environment: dict[str, str], tmp_path: Path) -> None:
    with consumer(environment, tmp_path / "consumer"), visit(browser, service) as at:
        at.open()
        at.expect("#state").to_have_text(re.compile(r"planted\d*, 242 items"))
        at.expect("#neighbours [data-item]").to_have_count(10)
        at.page.fill("#q", "world 3 thing 0")
        at.expect("#found [role=option]").to_have_count(2)  # and Thing 3 of world 0
        at.page.locator("#found [role=option]", has_text="Thing 0 of world 3").click()
        at.expect("#item-title").to_have_text("Thing 0 of world 3")
        assert at.page.url == f"{service.url}/?item={item_id(3, 0)}"
        at.expect("#item-origin .chip").to_have_text(re.compile("cache|live"))
        at.expect("#item-origin .time").to_have_text(re.compile(r"^[\d.]+ ms$"))
        at.expect("#neighbours .kind >> nth=0").to_have_text("world 3 · all")
        at.expect("#trail a").to_have_count(1)
        at.expect("#hit-rate").to_have_text(re.compile(r"^[\d.]+ %$"))
        at.expect("#session-origin").to_have_text(PUSHED)
        at.expect("#for-session").to_contain_text("of world 3")
        at.expect("#for-session").not_to_contain_text("of world 6")

        # On to a neighbour; what is pushed knows of both.
        (second, *_), before = at.rows("#neighbours"), at.scores()
        at.page.locator("#neighbours a").first.click()
        at.expect("#trail a").to_have_count(2)
        assert at.page.url.endswith(second)
        at.expect("#session-origin").to_have_text(PUSHED)
        assert at.scores() != before

        # A session that turns to another world is followed there.
        at.page.fill("#q", item_id(6, 0))
        at.page.locator("#found [role=option]").first.click()
        at.expect("#item-title").to_have_text("Thing 0 of world 6")
        at.expect("#trail a").to_have_count(3)
        at.expect("#session-origin").to_have_text(PUSHED)
        at.expect("#for-session").to_contain_text("of world 6")

        # The hit rate moves while the page is open: items asked for again come from the cache.
        rate = at.page.inner_text("#hit-rate")
        for _ in range(6):
            at.page.go_back()
            at.expect("#item-title").to_have_text(re.compile("of world 3"))
            at.page.go_forward()
            at.expect("#item-title").to_have_text("Thing 0 of world 6")
        at.expect("#hit-rate").not_to_have_text(rate)
        at.expect("#now").to_contain_text("Events taken3")
        at.expect("#generation").to_contain_text("Cached lists equal live100.0 %")
        at.page.locator("input[value='7d']").check(force=True)
        at.expect("#traffic .axis").to_have_text("7d agonow")
        at.page.click("#session-anew")
        at.expect("#trail a").to_have_count(0)


def test_an_address_is_an_item(browser: Any, service: ChildService) -> None:
    with visit(browser, service) as at:
        at.open(f"/?item={item_id(5, 3)}")
        at.expect("#item-title").to_have_text("Thing 3 of world 5")
        at.expect("#trail a").to_have_count(0)  # only what a person opens is part of the session
        at.page.click(".mark")
        at.expect("#item-title").to_have_text("Begin anywhere")


def test_keyboard_alone(browser: Any, service: ChildService) -> None:
    with visit(browser, service) as at:
        at.open()
        at.expect("#neighbours [data-item]").to_have_count(10)
        keyboard = at.page.keyboard
        keyboard.press("/")
        keyboard.type("thing 1 of world 2")
        at.expect("#q").to_have_attribute("aria-expanded", "true")
        keyboard.press("Escape")
        at.expect("#q").to_have_attribute("aria-expanded", "false")
        at.expect("#q").to_have_value("thing 1 of world 2")
        keyboard.press("ArrowDown")
        at.expect("#q").to_have_attribute("aria-expanded", "true")
        keyboard.press("ArrowDown")
        at.expect("#q").to_have_attribute("aria-activedescendant", "found-0")
        keyboard.press("ArrowUp")
        last = at.page.locator("#found [role=option]").count() - 1
        at.expect("#q").to_have_attribute("aria-activedescendant", f"found-{last}")
        at.expect(f"#found-{last}").to_have_attribute("aria-selected", "true")
        keyboard.press("ArrowDown")
        chosen = at.page.inner_text("#found-0 .title")
        keyboard.press("Enter")
        at.expect("#item-title").to_have_text(chosen)
        at.expect("#item-title").to_be_focused()
        at.expect("#for-session [data-item]").to_have_count(10)
        keyboard.press("Tab")
        at.expect("#neighbours a >> nth=0").to_be_focused()
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert at.page.evaluate(outline) == "solid"
        following = at.page.inner_text("#neighbours .title >> nth=0")
        keyboard.press("Enter")
        at.expect("#item-title").to_have_text(following)
        at.page.go_back()
        at.expect("#item-title").to_have_text(chosen)
        keyboard.press("/")
        keyboard.type(item_id(7, 7))
        keyboard.press("Enter")  # before the answer is there
        at.expect("#item-title").to_have_text("Thing 7 of world 7")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_a_phone(browser: Any, service: ChildService, scheme: str) -> None:
    with visit(browser, service, PHONE, color_scheme=scheme, is_mobile=True, has_touch=True) as at:
        at.open()
        at.expect("#neighbours [data-item]").to_have_count(10)
        assert at.fits()
        at.page.fill("#q", "thing")
        at.expect("#found [role=option]").to_have_count(8)
        assert at.fits()
        at.page.locator("#found [role=option]").first.tap()
        at.expect("#for-session [data-item]").to_have_count(10)
        at.expect("#to-session").to_be_visible()
        at.page.locator("#to-session").tap()
        at.expect("#to-session").not_to_be_visible()
        at.expect("#traffic table").to_have_count(1)
        assert at.fits()
        paper = at.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(251, 250, 248)", "dark": "rgb(21, 23, 26)"}[scheme]


def test_says_what_to_do(
    browser: Any, built_index: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """Nothing published, then no traffic, then no consumer."""
    index = tmp_path / "index"
    missing = environment | {"HYBRID_RECS_INDEX_DIR": str(index)}
    with child_service(tmp_path / "log", missing, path_when_up="/healthz") as service:
        opened = Visit(browser, service.url, DESKTOP)
        opened.open()
        opened.expect("#state").to_have_text("No generation yet")
        opened.expect("#neighbours").to_contain_text("make rebuild-index DATASET=")
        # The 503 of asking before there is anything to recommend is the only thing to complain of.
        assert {re.sub(r".*(status of \d+).*", r"\1", said) for said in opened.problems} <= {"status of 503"}
        opened.problems.clear()
        shutil.copytree(built_index, tmp_path / "copy")
        (tmp_path / "copy").rename(index)
        opened.expect("#neighbours [data-item]").to_have_count(10)
        opened.page.locator("#neighbours a").first.click()
        opened.page.locator("#neighbours a").first.click()
        opened.expect("#session-note").to_contain_text("make consume-events")
        opened.expect("#for-session [data-item]").to_have_count(10)
        opened.context.close()


def test_without_redis(browser: Any, environment: dict[str, str], tmp_path: Path) -> None:
    away = environment | {"HYBRID_RECS_REDIS_URL": "redis://127.0.0.1:1/0"}
    with child_service(tmp_path / "log", away) as service:
        opened = Visit(browser, service.url, DESKTOP)
        opened.open()
        opened.expect("#notice").to_contain_text("Redis is out of reach")
        opened.page.locator("#neighbours a").first.click()
        opened.expect("#item-title").to_have_text(re.compile("Thing"))
        opened.expect("#session-note").to_contain_text("The event was not taken")
        opened.expect("#for-session [data-item]").to_have_count(10)
        opened.context.close()


def test_no_traffic(browser: Any, service: ChildService) -> None:
    """The figures of a service that was asked for nothing say how to ask."""
    opened = Visit(browser, service.url, DESKTOP)
    opened.page.route("**/recommendations*", lambda route: route.abort())  # the page asks for some itself
    opened.open()
    opened.expect("#hit-rate").to_have_text("No traffic yet")
    opened.expect("#traffic code >> nth=0").to_contain_text(f"curl '{service.url}/recommendations?k=10'")
    opened.context.close()
