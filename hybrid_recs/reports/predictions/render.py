"""The prediction report for the terminal and as Markdown."""

from rich.console import Console
from rich.table import Table

from hybrid_recs.reports.predictions.report import ClickRate, ImpressionReport
from hybrid_recs.reports.wording import format_time

_COLUMNS = ("impressions", "clicks", "per 1,000", "clicked", "per 1,000", "95 % interval")


def print_impressions(report: ImpressionReport, console: Console) -> None:
    """The whole report on one screen."""
    console.print(f"[bold]Impressions and clicks[/]  [dim]{_title(report)}[/]")
    for heading, rates in (("source", report.by_source), ("kind", report.by_kind)):
        if rates:
            table = Table(box=None, pad_edge=False, header_style="dim")
            table.add_column(heading)
            for name in _COLUMNS:
                table.add_column(name, justify="right")
            for rate in rates:
                table.add_row(rate.name, *_cells(rate))
            console.print("", table)
    console.print()
    for line in _lines(report):
        console.print(line, soft_wrap=True)
    console.print(f"\n[bold]→[/] {report.advice}", soft_wrap=True)


def impressions_markdown(report: ImpressionReport) -> str:
    """The same as Markdown."""
    parts = [f"# Impressions and clicks\n\n{_title(report)}\n"]
    for heading, rates in (("source", report.by_source), ("kind", report.by_kind)):
        if rates:
            head = " | ".join((heading, *_COLUMNS))
            rows = "\n".join("| " + " | ".join((rate.name, *_cells(rate))) + " |" for rate in rates)
            parts.append(f"| {head} |\n|---{'|--:' * len(_COLUMNS)}|\n{rows}\n")
    parts.append("\n".join(f"- {line}" for line in _lines(report)) + "\n")
    parts.append(f"{report.advice}\n")
    return "\n".join(parts)


def _title(report: ImpressionReport) -> str:
    start, end = format_time(report.start), format_time(report.end)
    return f"{start} … {end} UTC, {report.predictions:,} logged (a share of {report.share:g} of all answers)"


def _cells(rate: ClickRate) -> tuple[str, ...]:
    return (
        f"{rate.predictions:,}",
        f"{rate.clicks:,}",
        f"{rate.clicks_per_thousand:.1f}",
        f"{rate.clicked:,}",
        f"{rate.clicked_per_thousand:.1f}",
        f"{rate.low:.1f} … {rate.high:.1f}",
    )


def _lines(report: ImpressionReport) -> list[str]:
    lines = []
    if report.events:
        share = report.share_attributed
        lines.append(
            f"events: {report.events:,}, {report.named:,} with a recommendation_id, {report.attributed:,} "
            f"attributed within {report.within_seconds / 3_600:g} h of a logged impression"
            + ("" if share is None else f" (with all impressions logged: about {share:.1%} of the events)")
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
        lines.append(f"age of {report.aged:,} precomputed lists when served: {ages}")
    return lines


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"
