"""Cost of a visit to the web page: bytes transferred, requests, time to first paint.

    make test-browser                                   # once, installs playwright
    .venv/bin/python -m benchmarks.page http://127.0.0.1:8000

The first visit has an empty browser cache, the second one a warm cache. Medians of the runs. Requests that
are polled after the page is complete are not counted.
"""

import os
import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import sync_playwright

RUNS = 9
_FIGURES = """async () => {
  const seen = (type) => new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntries())).observe({ type, buffered: true });
    setTimeout(() => resolve([]), 300);
  });
  const entries = ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type));
  const ours = entries.filter((e) => e.name === location.href || e.name.includes("/page/"));
  const bytes = (list) => list.reduce((sum, e) => sum + e.transferSize, 0);
  const sent = (list) => [list.filter((e) => e.transferSize).length, bytes(list)];
  const painted = await seen("largest-contentful-paint");
  return {
    files: sent(ours),
    data: sent(entries.filter((e) => !ours.includes(e))),
    first: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    largest: painted.at(-1)?.startTime ?? 0,
    shift: (await seen("layout-shift")).reduce((sum, e) => sum + e.value, 0),
  };
}"""


@contextmanager
def _chromium() -> Iterator[Any]:
    paths = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=next(filter(None, paths), None),
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )


def _visit(page: Any, url: str) -> dict[str, Any]:
    page.goto(url)
    page.wait_for_selector("#neighbours [data-item]")
    page.wait_for_selector("#generation dl")
    page.wait_for_timeout(500)
    return dict(page.evaluate(_FIGURES))


def _row(name: str, visits: list[dict[str, Any]]) -> str:
    def median_of(*path: Any) -> float:
        values: list[float] = []
        for visit in visits:
            value: Any = visit
            for key in path:
                value = value[key]
            values.append(value)
        return statistics.median(values)

    cells = [
        f"{median_of('files', 0):.0f}",
        f"{median_of('files', 1) / 1_000:.1f} kB",
        f"{median_of('data', 0):.0f}",
        f"{median_of('data', 1) / 1_000:.1f} kB",
        f"{median_of('first'):.0f} ms",
        f"{median_of('largest'):.0f} ms",
        f"{median_of('shift'):.3f}",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def main(url: str) -> None:
    first, second = [], []
    with _chromium() as browser:
        for _ in range(RUNS):
            context = browser.new_context(viewport={"width": 1280, "height": 860})
            page = context.new_page()
            first.append(_visit(page, url))
            second.append(_visit(page, url))
            context.close()
    print(
        "| visit | files | their bytes | data requests | their bytes | first paint | largest paint | shift |"
    )
    print("|---|---|---|---|---|---|---|---|")
    print(_row("first", first))
    print(_row("second", second))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000/")
