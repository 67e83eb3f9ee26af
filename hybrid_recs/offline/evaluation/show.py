"""Writes an evaluation as a table, as JSON or as Markdown."""

import json

from rich.console import Console
from rich.table import Table

from hybrid_recs.offline.evaluation.run import CUTOFF
from hybrid_recs.types import Json

_COLUMNS = (
    f"hr@{CUTOFF}",
    "se",
    f"mrr@{CUTOFF}",
    f"recall@{CUTOFF}",
    f"ndcg@{CUTOFF}",
    "head",
    "tail",
    "coverage",
)
_LAST = ("gini", "popularity_rank", "fit_s", "fit_peak_mb", "ms")
_STYLE = {"served": "bold", "part": "dim", "baseline": ""}


def print_table(result: Json, console: Console) -> None:
    """Print one table per task."""
    console.print(f"[bold]{result['dataset']}[/]: {result['protocol']}", soft_wrap=True)
    for task, rows in _by_task(result).items():
        table = Table("method", title=f"{task} ({rows[0]['cases']:,} cases)", title_justify="left", box=None)
        for name in (*_COLUMNS, *_LAST):
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(row["method"], *_cells(row), style=_STYLE[row["kind"]])
        console.print()
        console.print(table)


def as_json(result: Json) -> str:
    return json.dumps(result, indent=2)


def as_markdown(result: Json) -> str:
    """A section with one table per task."""
    lines = [f"## {result['dataset']}", "", f"{result['protocol']}.", ""]
    for task, rows in _by_task(result).items():
        names = ("method", *_COLUMNS, *_LAST)
        lines += [f"**{task}** ({rows[0]['cases']:,} cases)", "", f"| {' | '.join(names)} |"]
        lines.append("|---" + "|---:" * (len(names) - 1) + "|")
        for row in rows:
            name = f"**{row['method']}**" if row["kind"] == "served" else row["method"]
            lines.append(f"| {name} | {' | '.join(_cells(row))} |")
        lines.append("")
    return "\n".join(lines)


def _by_task(result: Json) -> dict[str, list[Json]]:
    tasks: dict[str, list[Json]] = {}
    for row in result["rows"]:
        tasks.setdefault(row["task"], []).append(row)
    return tasks


def _cells(row: Json) -> list[str]:
    shares = [_share(row[name]) for name in _COLUMNS]
    figures = [f"{row['gini']:.3f}", f"{row['popularity_rank']:,.0f}"]
    return [*shares, *figures, f"{row['fit_s']:.1f}", f"{row['fit_peak_mb']:.0f}", f"{row['ms']:.2f}"]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
