"""README, CHANGELOG and CONTRIBUTING."""

import re

import hybrid_recs
from tests.architecture.rules import BASE, RULES, WEB
from tests.docs.pages import rows
from tests.paths import ROOT

TERMINAL = frozenset({"click", "rich"})


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 130


def test_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert next(v for v in versions if v != "Unreleased") == hybrid_recs.__version__


def test_contributing_has_the_import_rules() -> None:
    """The folder table names every folder, what it may import and what it must not."""
    table = {
        cells[0].strip("`/"): (_names(cells[2]), _packages(cells[3]))
        for cells in rows(ROOT / "CONTRIBUTING.md")
        if len(cells) == 4 and cells[0].startswith("`")
    }
    assert table == {name: (set(rule.folders), set(rule.never)) for name, rule in RULES.items()}


def test_contributing_names_the_base_modules() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert [name for name in BASE if f"`{name}`" not in text] == []


def _names(cell: str) -> set[str]:
    return set(cell.split(", ")) - {"–"}


def _packages(cell: str) -> set[str]:
    groups = {"web": WEB, "terminal": TERMINAL}
    return {package for name in _names(cell) for package in groups.get(name, {name})}
