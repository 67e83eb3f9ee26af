"""Writes the results as a Markdown table and as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.speed.results import Result
from hybrid_recs.types import Json

INTRODUCTION = """# Speed

Written by one run of `make bench`. Contenders were measured in interleaved rounds of the same run; a figure
is the median over the rounds. The server under test has one worker and a core to itself; the client and Redis
share another core, the same for every contender (the row `pss` uses all cores). Loopback only.
[Where the time goes](where-time-goes.md) says what is compared with what, and why some targets are missed;
the docstring of each module in `benchmarks/speed/` has the details; the comparators are in
`benchmarks/servers/`.
"""


def table(rows: Sequence[Result]) -> str:
    """A Markdown table with one line per result."""
    lines = ["| row | what | figure | target | met |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.id} | {row.what} | {_format_figure(row)} | {row.target} | {_format_met(row)} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _format_figure(row: Result) -> str:
    if row.figure is None:
        return f"error: {(row.error or '').splitlines()[0]}"
    return f"{row.figure:g} {row.unit}"


def _format_met(row: Result) -> str:
    return "–" if row.met is None else "yes" if row.met else "**no**"


def absolutes(rows: Sequence[Result]) -> str:
    """The absolute figures of each row as a Markdown list."""
    return "".join(
        f"- **{row.id}**: "
        + "; ".join(f"{name} {_format_value(value)}" for name, value in row.absolute.items())
        + "\n"
        for row in rows
        if row.absolute
    )


def _format_value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_format_value(part)}" for name, part in value.items())
    if isinstance(value, list):
        return " / ".join(map(_format_value, value))
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def write(page: Path, data: Path, rows: Sequence[Result], machine: Json, versions: Json) -> None:
    """Write the table and the absolute figures as Markdown into `page`, all of it as JSON into `data`."""
    content = {"machine": machine, "versions": versions, "rows": [row.as_json() for row in rows]}
    data.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    parts = [INTRODUCTION, table(rows), "## Absolute figures\n", absolutes(rows)]
    parts += ["## Machine and versions\n", f"{_format_value(machine)}\n", f"{_format_value(versions)}\n"]
    page.write_text("\n".join(parts))
