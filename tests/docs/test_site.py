"""The site: every page is in its navigation, and nothing comes from another host."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.docs.pages import DOCS, PAGES
from tests.paths import ROOT

CONFIG = DOCS / "site" / "mkdocs.yml"
# Of tags that load something, in HTML and CSS; a link that a reader may click is none.
LOADED = re.compile(
    r"""<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|(?:url\(|@import\s+)["']?((?:https?:)?//[^"')\s]+)"""
)


def _config() -> dict[str, Any]:
    content = yaml.safe_load(CONFIG.read_text())
    assert isinstance(content, dict)
    return content


def _pages_in(entry: object) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, list):
        for part in entry:
            yield from _pages_in(part)
    elif isinstance(entry, dict):
        for part in entry.values():
            yield from _pages_in(part)


def test_every_page_is_in_the_navigation_once() -> None:
    listed = sorted(_pages_in(_config()["nav"]))
    assert listed == sorted(page.relative_to(DOCS).as_posix() for page in PAGES)


def test_the_configuration_names_no_other_host() -> None:
    assert re.findall(r"https?:|//\w", CONFIG.read_text()) == []
    assert _config()["theme"]["font"] is False
    assert _config()["plugins"] == ["search"]


def test_what_is_loaded_is_recognised() -> None:
    html = '<link href="https://a.example/f.css"><script src=//b.example/x.js></script><a href="https://c/">'
    assert [one or other for one, other in LOADED.findall(html)] == [
        "https://a.example/f.css",
        "//b.example/x.js",
    ]
    assert LOADED.findall('@import "https://d.example"; url(//e.example/f.woff2) url(fonts/own.woff2)')


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mkdocs") is None, reason="MkDocs is not installed: make docs-build")
def test_the_site_builds_strictly_and_loads_nothing_from_outside(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(CONFIG)]
    done = subprocess.run(
        [*command, "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    built = [*(tmp_path / "site").rglob("*.html"), *(tmp_path / "site").rglob("*.css")]
    assert len(built) > len(PAGES)
    outside = {path.name: found for path in built if (found := LOADED.findall(path.read_text()))}
    assert outside == {}
