"""Writes measured tables between the markers of a page in docs/benchmarks/.

Each benchmark updates its own table.
"""

import re
from pathlib import Path

from rich.console import Console

PAGES = Path(__file__).parents[1] / "docs" / "benchmarks"


def put_table(
    console: Console,
    name: str,
    head: list[str],
    rows: list[list[str]],
    write: bool = True,
    page: str = "users-and-sessions.md",
) -> None:
    """Print a Markdown table; if `write`, replace the table between the markers for `name` in a page."""
    lines = [head, ["---"] * 2 + ["--:"] * (len(head) - 2), *rows]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    console.print(table, markup=False)
    if write:
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
        path = PAGES / page
        text, count = pattern.subn(lambda _: f"{start}\n{table}\n{end}", path.read_text())
        assert count == 1, f"{path} has no markers for {name}"
        path.write_text(text)
