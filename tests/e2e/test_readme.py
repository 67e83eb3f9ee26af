"""Which commands the README has, and which test runs each; `make` lists every target."""

import re
from pathlib import Path

from tests.e2e import readme
from tests.paths import ROOT

RUN_BY = {
    "make demo": "test_readme_demo.py",
    "make serve": "test_readme_serving.py",
    "curl ": "test_readme_serving.py",
    "make hit-rate-report": "test_readme_serving.py",
    "make check-data": "test_readme_own_data.py",
    "make rebuild-index": "test_readme_own_data.py",
    "make stop-redis": "test_readme_own_data.py",
}


def test_every_command_of_the_readme_is_run_by_a_test() -> None:
    assert len(readme.commands()) == len(RUN_BY)
    for line, (start, name) in zip(readme.commands(), RUN_BY.items(), strict=True):
        assert line.startswith(start)
        call = "serving(" if start == "make serve" else f'command("{start}")'
        assert call in (Path(__file__).parent / name).read_text(), line


def test_make_alone_lists_every_target(checkout: Path) -> None:
    shown = readme.run("make", checkout)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert [target for target in targets if f"{target} " not in shown] == []
