"""Writes the results: a table to read, and the same as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.speed.rows import Row
from hybrid_recs.types import Json

_INTRODUCTION = """# Speed

Printed by one run of `make bench`. Contenders were measured in turns, round by round, in the same run; a
figure is the median over the rounds. The server under test has one core to itself and one worker; the client
and Redis share another core, the same for every contender (the row `pss` uses all cores). Loopback only. What
each row compares with what stands at the head of its module in `benchmarks/speed/`; the comparators are in
`benchmarks/servers/`.
"""


def table(rows: Sequence[Row]) -> str:
    """A Markdown table, one line a row."""
    lines = ["| row | what | figure | target | met |", "|---|---|---|---|---|"]
    lines += [f"| {row.id} | {row.what} | {_figure(row)} | {row.target} | {_met(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _figure(row: Row) -> str:
    if row.figure is None:
        return f"error: {(row.error or '').splitlines()[0]}"
    return f"{row.figure:g} {row.unit}"


def _met(row: Row) -> str:
    return "–" if row.met is None else "yes" if row.met else "**no**"


def absolutes(rows: Sequence[Row]) -> str:
    """The figures behind each row, as a list."""
    return "".join(
        f"- **{row.id}**: "
        + "; ".join(f"{name} {_shown(value)}" for name, value in row.absolute.items())
        + "\n"
        for row in rows
        if row.absolute
    )


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    if isinstance(value, list):
        return " / ".join(map(_shown, value))
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def write(folder: Path, rows: Sequence[Row], machine: Json, versions: Json) -> None:
    """results.md and results.json."""
    content = {"machine": machine, "versions": versions, "rows": [row.as_json() for row in rows]}
    (folder / "results.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    parts = [_INTRODUCTION, table(rows), "## Absolute figures\n", absolutes(rows)]
    parts += ["## Machine and versions\n", f"{_shown(machine)}\n", f"{_shown(versions)}\n"]
    (folder / "results.md").write_text("\n".join(parts))
