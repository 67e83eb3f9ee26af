"""Writes measured tables between the markers in docs/benchmarks/users-and-sessions.md.

Each benchmark updates its own table.
"""

import re
from pathlib import Path

from rich.console import Console

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "users-and-sessions.md"


def put_table(
    console: Console, name: str, head: list[str], rows: list[list[str]], write: bool = True
) -> None:
    """Print a Markdown table; if `write`, replace the table between the markers for `name`."""
    lines = [head, ["---"] * 2 + ["--:"] * (len(head) - 2), *rows]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    console.print(table, markup=False)
    if write:
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
        text, count = pattern.subn(lambda _: f"{start}\n{table}\n{end}", PAGE.read_text())
        assert count == 1, f"{PAGE} has no markers for {name}"
        PAGE.write_text(text)
