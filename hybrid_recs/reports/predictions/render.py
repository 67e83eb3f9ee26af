"""Writes the prediction report for a terminal and as Markdown."""

from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from hybrid_recs.reports.predictions.report import ClickRate, PredictionReport

_COLUMNS = ("predictions", "clicks", "per 1,000", "lists clicked", "per 1,000", "95 % interval")


def print_impressions(report: PredictionReport, console: Console) -> None:
    """Everything the report holds, in one screen."""
    console.print(f"[bold]Predictions served[/]  [dim]{_title(report)}[/]")
    for first, rates in (("source", report.by_source), ("kind", report.by_kind)):
        if rates:
            table = Table(box=None, pad_edge=False, header_style="dim")
            table.add_column(first)
            for name in _COLUMNS:
                table.add_column(name, justify="right")
            for rate in rates:
                table.add_row(rate.name, *_cells(rate))
            console.print("", table)
    console.print()
    for line in _lines(report):
        console.print(line, soft_wrap=True)
    console.print(f"\n[bold]→[/] {report.advice}", soft_wrap=True)


def impressions_markdown(report: PredictionReport) -> str:
    """The same as text for a page."""
    parts = [f"# Predictions served\n\n{_title(report)}\n"]
    for first, rates in (("source", report.by_source), ("kind", report.by_kind)):
        if rates:
            head = " | ".join((first, *_COLUMNS))
            rows = "\n".join("| " + " | ".join((rate.name, *_cells(rate))) + " |" for rate in rates)
            parts.append(f"| {head} |\n|---{'|--:' * len(_COLUMNS)}|\n{rows}\n")
    parts.append("\n".join(f"- {line}" for line in _lines(report)) + "\n")
    parts.append(f"{report.advice}\n")
    return "\n".join(parts)


def _title(report: PredictionReport) -> str:
    start, end = (
        datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M") for at in (report.start, report.end)
    )
    return f"{start} … {end} UTC, {report.predictions:,} logged (a share of {report.share:g} of the answers)"


def _cells(rate: ClickRate) -> tuple[str, ...]:
    return (
        f"{rate.predictions:,}",
        f"{rate.clicks:,}",
        f"{rate.clicks_per_thousand:.1f}",
        f"{rate.clicked:,}",
        f"{rate.clicked_per_thousand:.1f}",
        f"{rate.low:.1f} … {rate.high:.1f}",
    )


def _lines(report: PredictionReport) -> list[str]:
    lines = []
    if report.events:
        share = report.share_attributed
        lines.append(
            f"events: {report.events:,}, {report.named:,} with a recommendation_id, {report.attributed:,} "
            f"attributed within {report.within_seconds / 3_600:g} h of a logged prediction"
            + ("" if share is None else f" (of all predictions about {share:.1%} of events)")
        )
    if report.coverage is not None and report.predictions:
        lines.append(f"coverage: {report.shown:,} of {report.items:,} items shown ({report.coverage:.1%})")
    if report.users:
        share_of_users = report.with_list / report.users
        lines.append(
            f"stored lists: {report.with_list:,} of {report.users:,} active users ({share_of_users:.1%})"
        )
    if report.aged:
        ages = ", ".join(f"{name} {_age(seconds)}" for name, seconds in report.age_seconds.items())
        lines.append(f"age of {report.aged:,} lists when served: {ages}")
    return lines


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"
