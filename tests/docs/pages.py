"""Reads the documents: their links, headings, code and tables."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from tests.paths import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "index" / "README.md", *PAGES]

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.M)


def name_of(path: Path) -> str:
    """The path below the repository; also the id of a parametrised test."""
    return path.relative_to(ROOT).as_posix()


def fenced(path: Path, *languages: str) -> list[str]:
    """The contents of the fenced code blocks, of the given languages only if there are any."""
    blocks = _FENCED.findall(path.read_text())
    return [content for language, content in blocks if not languages or language in languages]


def code(path: Path) -> list[str]:
    """Every code span, and every line of the fenced blocks without its comment."""
    lines = [line.split("  #")[0].strip() for block in fenced(path) for line in block.splitlines()]
    return lines + [span.replace("\n", " ") for span in _SPAN.findall(_without_fenced(path))]


def links(path: Path) -> list[str]:
    """The targets of links and pictures, outside code."""
    return _LINK.findall(_SPAN.sub("", _without_fenced(path)))


def anchors(path: Path) -> set[str]:
    """The ids of headings on which GitHub and Python-Markdown agree."""
    headings = [heading.replace("`", "").strip() for heading in _HEADING.findall(_without_fenced(path))]
    return {_github(heading) for heading in headings if _github(heading) == _markdown(heading)}


def rows(path: Path) -> Iterator[list[str]]:
    """The cells of every table row."""
    for line in path.read_text().splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def _without_fenced(path: Path) -> str:
    return _FENCED.sub("", path.read_text())


def _github(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _markdown(heading: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", ascii_only).strip().lower())
