"""Pages that benchmarks write are what the programs would write around their figures."""

import json
import re
from pathlib import Path

from benchmarks import bench, cold_items, plan_check, quality, scale, tables
from benchmarks.speed import report
from tests.docs.pages import DOCS
from tests.paths import ROOT

WRITTEN = DOCS / "benchmarks"


def test_introductions_are_those_of_the_programs() -> None:
    assert (WRITTEN / "quality.md").read_text().startswith(quality.INTRODUCTION)
    assert (WRITTEN / "cold-items.md").read_text().startswith(cold_items.INTRODUCTION)
    assert cold_items.SCALE in (WRITTEN / "cold-items.md").read_text()
    assert bench.PAGE.read_text().startswith(report.INTRODUCTION)
    assert bench.PAGE.parent == WRITTEN


def test_the_page_of_scale_is_made_of_its_figures() -> None:
    results = json.loads((ROOT / "benchmarks" / "scale.json").read_text())
    written = scale.as_markdown(results, [result["items"] for result in results])
    cores = re.compile(r"on \d+ cores")
    assert cores.sub("", (WRITTEN / "scale.md").read_text()) == cores.sub("", written)


def test_tables_have_their_places() -> None:
    assert tables.PAGES == WRITTEN
    text = (tables.PAGES / "users-and-sessions.md").read_text()
    for name in ("user lists", "session replay"):
        assert text.count(f"<!-- {name} -->") == text.count(f"<!-- end of {name} -->") == 1


def test_the_picture_of_the_planner_is_beside_its_page() -> None:
    options = {option.name: option for option in plan_check.main.params}
    out = options["out"].default
    assert isinstance(out, Path)
    assert out == WRITTEN
    assert "](plan_check.svg)" in (WRITTEN / "cache-planning.md").read_text()
