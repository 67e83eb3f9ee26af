"""The web page in a real browser, with a real service, Redis and consumer."""

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
        executable = next((path for path in paths if path and Path(path).exists()), None)
        if executable is None:
            pytest.skip("no Chromium: playwright install chromium, or a package of the system")
        chromium = started.chromium.launch(executable_path=executable, args=arguments)
        yield chromium
        chromium.close()


class Visit:
    """A page in its own browser context, and the problems that it reported."""

    def __init__(self, browser: Any, url: str, viewport: dict[str, int], **options: Any) -> None:
        self.context = browser.new_context(viewport=viewport, reduced_motion="reduce", **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.problems: list[str] = []
        self.page.on("console", self._check_message)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self._check_request(request.url))
        self._url = url

    def open(self, path: str = "/") -> None:
        self.page.goto(self._url + path)

    def _check_message(self, message: Any) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def _check_request(self, url: str) -> None:
        if not url.startswith((f"{self._url}/", "data:")):
            self.problems.append(f"a request to {url}")

    def expect(self, selector: str) -> Any:
        return playwright.expect(self.page.locator(selector))

    def items_in(self, selector: str) -> list[str]:
        items = self.page.locator(f"{selector} [data-item]")
        return list(items.evaluate_all("rows => rows.map(r => r.dataset.item)"))

    def scores(self) -> list[str]:
        """Scores of the items recommended to the session."""
        return list(self.page.locator("#for-session .score").all_inner_texts())

    def fits(self) -> bool:
        """Whether nothing is wider than the window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@contextmanager
def clean_visit(
    browser: Any, service: ChildService, viewport: dict[str, int] = DESKTOP, **options: Any
) -> Iterator[Visit]:
    """A visit that must end without problems."""
    visit = Visit(browser, service.url, viewport, **options)
    try:
        yield visit
        assert visit.problems == []
    finally:
        visit.context.close()


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
    with consumer(environment, tmp_path / "consumer"), clean_visit(browser, service) as visit:
        visit.open()
        visit.expect("#state").to_have_text(re.compile(r"planted\d*, 242 items"))
        visit.expect("#neighbours [data-item]").to_have_count(10)
        visit.page.fill("#q", "world 3 thing 0")
        visit.expect("#found [role=option]").to_have_count(2)  # and Thing 3 of world 0
        visit.page.locator("#found [role=option]", has_text="Thing 0 of world 3").click()
        visit.expect("#item-title").to_have_text("Thing 0 of world 3")
        assert visit.page.url == f"{service.url}/?item={item_id(3, 0)}"
        visit.expect("#item-origin .chip").to_have_text(re.compile("cache|live"))
        visit.expect("#item-origin .time").to_have_text(re.compile(r"^[\d.]+ ms$"))
        visit.expect("#neighbours .kind >> nth=0").to_have_text("world 3 · all")
        visit.expect("#trail a").to_have_count(1)
        visit.expect("#hit-rate").to_have_text(re.compile(r"^[\d.]+ %$"))
        visit.expect("#session-origin").to_have_text(PUSHED)
        visit.expect("#for-session").to_contain_text("of world 3")
        visit.expect("#for-session").not_to_contain_text("of world 6")

        # On to a neighbour; the pushed list reflects both.
        (second, *_), before = visit.items_in("#neighbours"), visit.scores()
        visit.page.locator("#neighbours a").first.click()
        visit.expect("#trail a").to_have_count(2)
        assert visit.page.url.endswith(second)
        visit.expect("#session-origin").to_have_text(PUSHED)
        assert visit.scores() != before

        # A session that moves to another world gets recommendations from there.
        visit.page.fill("#q", item_id(6, 0))
        visit.page.locator("#found [role=option]").first.click()
        visit.expect("#item-title").to_have_text("Thing 0 of world 6")
        visit.expect("#trail a").to_have_count(3)
        visit.expect("#session-origin").to_have_text(PUSHED)
        visit.expect("#for-session").to_contain_text("of world 6")

        # The hit rate changes while the page is open: items requested again come from the cache.
        rate = visit.page.inner_text("#hit-rate")
        for _ in range(6):
            visit.page.go_back()
            visit.expect("#item-title").to_have_text(re.compile("of world 3"))
            visit.page.go_forward()
            visit.expect("#item-title").to_have_text("Thing 0 of world 6")
        visit.expect("#hit-rate").not_to_have_text(rate)
        visit.expect("#now").to_contain_text("Events accepted3")
        visit.expect("#generation").to_contain_text("Cached lists equal live100.0 %")
        visit.page.locator("input[value='7d']").check(force=True)
        visit.expect("#traffic .axis").to_have_text("7d agonow")
        visit.page.click("#session-restart")
        visit.expect("#trail a").to_have_count(0)


def test_an_address_is_an_item(browser: Any, service: ChildService) -> None:
    with clean_visit(browser, service) as visit:
        visit.open(f"/?item={item_id(5, 3)}")
        visit.expect("#item-title").to_have_text("Thing 3 of world 5")
        visit.expect("#trail a").to_have_count(0)  # only items visit by a person are part of the session
        visit.page.click(".mark")
        visit.expect("#item-title").to_have_text("Begin anywhere")


def test_keyboard_alone(browser: Any, service: ChildService) -> None:
    with clean_visit(browser, service) as visit:
        visit.open()
        visit.expect("#neighbours [data-item]").to_have_count(10)
        keyboard = visit.page.keyboard
        keyboard.press("/")
        keyboard.type("thing 1 of world 2")
        visit.expect("#q").to_have_attribute("aria-expanded", "true")
        keyboard.press("Escape")
        visit.expect("#q").to_have_attribute("aria-expanded", "false")
        visit.expect("#q").to_have_value("thing 1 of world 2")
        keyboard.press("ArrowDown")
        visit.expect("#q").to_have_attribute("aria-expanded", "true")
        keyboard.press("ArrowDown")
        visit.expect("#q").to_have_attribute("aria-activedescendant", "found-0")
        keyboard.press("ArrowUp")
        last = visit.page.locator("#found [role=option]").count() - 1
        visit.expect("#q").to_have_attribute("aria-activedescendant", f"found-{last}")
        visit.expect(f"#found-{last}").to_have_attribute("aria-selected", "true")
        keyboard.press("ArrowDown")
        chosen = visit.page.inner_text("#found-0 .title")
        keyboard.press("Enter")
        visit.expect("#item-title").to_have_text(chosen)
        visit.expect("#item-title").to_be_focused()
        visit.expect("#for-session [data-item]").to_have_count(10)
        keyboard.press("Tab")
        visit.expect("#neighbours a >> nth=0").to_be_focused()
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert visit.page.evaluate(outline) == "solid"
        following = visit.page.inner_text("#neighbours .title >> nth=0")
        keyboard.press("Enter")
        visit.expect("#item-title").to_have_text(following)
        visit.page.go_back()
        visit.expect("#item-title").to_have_text(chosen)
        keyboard.press("/")
        keyboard.type(item_id(7, 7))
        keyboard.press("Enter")  # before the response arrives
        visit.expect("#item-title").to_have_text("Thing 7 of world 7")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_a_phone(browser: Any, service: ChildService, scheme: str) -> None:
    with clean_visit(browser, service, PHONE, color_scheme=scheme, is_mobile=True, has_touch=True) as visit:
        visit.open()
        visit.expect("#neighbours [data-item]").to_have_count(10)
        assert visit.fits()
        visit.page.fill("#q", "thing")
        visit.expect("#found [role=option]").to_have_count(8)
        assert visit.fits()
        visit.page.locator("#found [role=option]").first.tap()
        visit.expect("#for-session [data-item]").to_have_count(10)
        visit.expect("#to-session").to_be_visible()
        visit.page.locator("#to-session").tap()
        visit.expect("#to-session").not_to_be_visible()
        visit.expect("#traffic table").to_have_count(1)
        assert visit.fits()
        paper = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(251, 250, 248)", "dark": "rgb(21, 23, 26)"}[scheme]


def test_the_page_says_what_to_do(
    browser: Any, built_index: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """Nothing published, then no traffic, then no consumer."""
    index = tmp_path / "index"
    missing = environment | {"HYBRID_RECS_INDEX_DIR": str(index)}
    with child_service(tmp_path / "log", missing, path_when_up="/healthz") as service:
        visit = Visit(browser, service.url, DESKTOP)
        visit.open()
        visit.expect("#state").to_have_text("No generation yet")
        visit.expect("#neighbours").to_contain_text("make rebuild-index DATASET=")
        # The only problem may be the 503 for recommendations before a generation is published.
        statuses = {re.sub(r".*(status of \d+).*", r"\1", problem) for problem in visit.problems}
        assert statuses <= {"status of 503"}
        visit.problems.clear()
        shutil.copytree(built_index, tmp_path / "copy")
        (tmp_path / "copy").rename(index)
        visit.expect("#neighbours [data-item]").to_have_count(10)
        visit.page.locator("#neighbours a").first.click()
        visit.page.locator("#neighbours a").first.click()
        visit.expect("#session-note").to_contain_text("make consume-events")
        visit.expect("#for-session [data-item]").to_have_count(10)
        visit.context.close()


def test_without_redis(browser: Any, environment: dict[str, str], tmp_path: Path) -> None:
    unreachable = environment | {"HYBRID_RECS_REDIS_URL": "redis://127.0.0.1:1/0"}
    with child_service(tmp_path / "log", unreachable) as service:
        visit = Visit(browser, service.url, DESKTOP)
        visit.open()
        visit.expect("#notice").to_contain_text("Redis is unreachable")
        visit.page.locator("#neighbours a").first.click()
        visit.expect("#item-title").to_have_text(re.compile("Thing"))
        visit.expect("#session-note").to_contain_text("The event was not accepted")
        visit.expect("#for-session [data-item]").to_have_count(10)
        visit.context.close()


def test_no_traffic(browser: Any, service: ChildService) -> None:
    """Without requests, the figures say how to send one."""
    visit = Visit(browser, service.url, DESKTOP)
    visit.page.route("**/recommendations*", lambda route: route.abort())  # the page requests some itself
    visit.open()
    visit.expect("#hit-rate").to_have_text("No traffic yet")
    visit.expect("#traffic code >> nth=0").to_contain_text(f"curl '{service.url}/recommendations?k=10'")
    visit.context.close()
