"""Every link in the documents leads somewhere."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, DOCUMENTS, PAGES, anchors, links, name_of
from tests.paths import ROOT

NAMING = [
    ROOT / "CHANGELOG.md",
    ROOT / "Makefile",
    *DOCS.rglob("*.yml"),
    *(ROOT / "examples").glob("*.toml"),
    *(path for folder in ("hybrid_recs", "jobs", "benchmarks") for path in (ROOT / folder).rglob("*.py")),
]


def _targets(document: Path) -> list[tuple[str, Path, str]]:
    """(link, file, anchor) of each link within the repository."""
    local = [link for link in links(document) if "://" not in link and not link.startswith("mailto:")]
    split = [(link, *link.partition("#")[::2]) for link in local]
    return [
        (link, (document.parent / path).resolve() if path else document, anchor)
        for link, path, anchor in split
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_and_anchors_resolve(document: Path) -> None:
    for link, path, anchor in _targets(document):
        assert path.is_file(), link
        assert not anchor or anchor in anchors(path), f"{link}: the headings are {sorted(anchors(path))}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_of_the_site_link_only_to_the_site(page: Path) -> None:
    assert [link for link, path, _ in _targets(page) if not path.is_relative_to(DOCS)] == []


def test_documents_named_elsewhere_exist() -> None:
    named = {name for path in NAMING for name in re.findall(r"\bdocs/[\w/-]+\.\w+", path.read_text())}
    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_links_are_found() -> None:
    found = {link for page in PAGES for link in links(page)}
    assert {"how-to/query.md", "images/page-desktop.png", "../explanation/events.md"} <= found
    assert "who-may-write" in anchors(DOCS / "how-to" / "change-items.md")
