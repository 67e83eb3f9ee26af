"""Writes the hit-rate report for a terminal."""

from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from hybrid_recs.hit_rates import HitRateReport, Missed, Point, ReasonFigures, SourceFigures

_BARS = "▁▂▃▄▅▆▇█"


def print_hit_rates(report: HitRateReport, console: Console) -> None:
    """Everything the report holds, in one screen."""
    title = f"{_time(report.start)} … {_time(report.end)} UTC"
    if report.generation:
        title += f", generation {report.generation}"
    console.print(f"[bold]Cache hit rate[/]  [dim]{title}[/]")
    if report.hit_rate is not None:
        console.print(f"{report.requests:,} item requests, hit rate [bold]{report.hit_rate:.1%}[/]\n")
        console.print(_source_table(report.sources), "")
        console.print(_reason_table(report.reasons), "")
        console.print(_over_time(report.series), "")
    if report.most_missed:
        console.print(_missed_table(report.most_missed), "")
    console.print(f"[bold]→[/] {report.advice}", soft_wrap=True)


def sparkline(points: list[Point]) -> str:
    """One bar a stretch: its hit rate from 0 to 1; a blank where nothing was asked."""
    shares = (point.hits / point.requests if point.requests else None for point in points)
    return "".join(" " if s is None else _BARS[min(int(s * len(_BARS)), len(_BARS) - 1)] for s in shares)


def _source_table(figures: list[SourceFigures]) -> Table:
    table = _table("source", "requests", "share", "p50 ms", "p99 ms")
    for line in figures:
        times = (f"{ms:.2f}" if ms is not None else "–" for ms in (line.p50_ms, line.p99_ms))
        table.add_row(line.source, f"{line.requests:,}", f"{line.share:.1%}", *times)
    return table


def _reason_table(figures: list[ReasonFigures]) -> Table:
    table = _table("outcome", "requests", "share")
    for line in figures:
        why = f"{line.source}: {line.reason or _ORDINARY[line.source]}"
        table.add_row(why, f"{line.requests:,}", f"{line.share:.1%}")
    return table


_ORDINARY = {"cache": "hot or rising item", "live": "tail item", "popular": "popular", "none": "none"}


def _missed_table(missed: list[Missed]) -> Table:
    table = _table("most missed item", "requests", "title")
    table.columns[2].justify = "left"
    for line in missed:
        table.add_row(line.item_id, f"{line.requests:,}", line.title or "")
    return table


def _over_time(series: list[Point]) -> str:
    return f"hit rate over time  {sparkline(series)}  [dim]from {_time(series[0].start)}[/]"


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
