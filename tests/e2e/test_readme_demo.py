"""The README's minute."""

import re
from pathlib import Path

from tests.e2e.readme import command, run


def test_the_demo(checkout: Path) -> None:
    shown = run(command("make demo"), checkout)
    assert re.search(r"4,004 item requests, hit rate \d\d\.\d%", shown)
    assert "0 failed" in shown
