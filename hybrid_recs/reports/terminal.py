"""The hit-rate report and the audit for the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hybrid_recs.reports.drift import Drift, EnteringItem
from hybrid_recs.reports.hit_rate_bundle import HitRateBundle
from hybrid_recs.reports.parity_audit import Audit
from hybrid_recs.reports.planner.render import print_plan
from hybrid_recs.reports.wording import describe_outcome, format_time
from hybrid_recs.telemetry.hit_rates import CauseFigures, HitRateReport, MissedItem, Point, SourceFigures

_BARS = "▁▂▃▄▅▆▇█"


def print_bundle(bundle: HitRateBundle, console: Console) -> None:
    """The whole report."""
    print_hit_rates(bundle.counts, console)
    if not bundle.counts.requests:
        return
    if bundle.plan is not None:
        console.print()
        print_plan(bundle.plan, console)
    if bundle.drift is not None:
        _print_drift(bundle.drift, console)
    if bundle.headroom is not None:
        console.print("\n[bold]If Redis failed now[/]")
        console.print(f"[bold]→[/] {bundle.headroom.advice}", soft_wrap=True)


def print_audit(audit: Audit, console: Console) -> None:
    """The results of an audit, and the bounds that are not met."""
    lists = audit.lists
    console.print(f"[bold]Parity audit[/]  [dim]generation {audit.generation}[/]")
    table = _table(f"{lists.sampled:,} hot items", "")
    overlap = "–" if lists.overlap is None else f"{lists.overlap:.4f}"
    table.add_row("lists missing, unreadable", f"{lists.missing:,}, {lists.unreadable:,}")
    table.add_row("overlap@10 with live answers", overlap)
    table.add_row("largest score difference", f"{lists.score_difference:.4g}")
    if lists.age_median_seconds is not None and lists.age_max_seconds is not None:
        ages = (lists.age_median_seconds / 3_600, lists.age_max_seconds / 3_600)
        table.add_row("age, median and maximum", f"{ages[0]:.1f} h, {ages[1]:.1f} h")
    defects = f"{lists.with_hidden:,}, {lists.with_repeated:,}, {lists.with_itself:,}"
    table.add_row("lists with a hidden item, a repeated item, the queried item", defects)
    console.print(table, "")
    bands = _table("recall@10 of the index", "items", "sampled", "recall")
    for band in audit.bands:
        recall = "–" if band.recall is None else f"{band.recall:.4f}"
        bands.add_row(band.name, f"{band.items:,}", f"{band.sampled:,}", recall)
    console.print(bands, "")
    for line in audit.broken:
        console.print(f"[bold red]✗[/] {line}", soft_wrap=True)
    if not audit.broken:
        console.print("[green]✓[/] all bounds are met")


def print_hit_rates(report: HitRateReport, console: Console) -> None:
    """The hit-rate report on one screen."""
    title = f"{format_time(report.start)} … {format_time(report.end)} UTC"
    if report.generation:
        title += f", generation {report.generation}"
    console.print(f"[bold]Cache hit rate[/]  [dim]{title}[/]")
    if report.hit_rate is not None:
        console.print(f"{report.requests:,} item requests, hit rate [bold]{report.hit_rate:.1%}[/]\n")
        console.print(_source_table(report.sources), "")
        console.print(_cause_table(report.causes), "")
        console.print(_over_time(report.series), "")
    if report.most_missed:
        console.print(_missed_table(report.most_missed), "")
    console.print(f"[bold]→[/] {report.advice}", soft_wrap=True)


def sparkline(points: list[Point]) -> str:
    """The hit rate of each interval as a bar from 0 to 1; a blank where nothing was requested."""
    return bar_line([point.hits / point.requests if point.requests else None for point in points])


def bar_line(shares: Sequence[float | None]) -> str:
    """A bar for each share, a blank for None."""
    return "".join(" " if share is None else _bar(share) for share in shares)


def _bar(share: float) -> str:
    return _BARS[min(int(share * len(_BARS)), len(_BARS) - 1)]


def _source_table(figures: list[SourceFigures]) -> Table:
    table = _table("source", "requests", "share", "p50 ms", "p99 ms")
    for line in figures:
        times = (f"{ms:.2f}" if ms is not None else "–" for ms in (line.p50_ms, line.p99_ms))
        table.add_row(line.source, f"{line.requests:,}", f"{line.share:.1%}", *times)
    return table


def _cause_table(figures: list[CauseFigures]) -> Table:
    table = _table("outcome", "requests", "share")
    for line in figures:
        table.add_row(describe_outcome(line.source, line.cause), f"{line.requests:,}", f"{line.share:.1%}")
    return table


def _missed_table(missed: list[MissedItem]) -> Table:
    table = _table("most missed item", "requests", "title")
    table.columns[2].justify = "left"
    for line in missed:
        table.add_row(escape(line.item_id), f"{line.requests:,}", escape(line.title or ""))
    return table


def _print_drift(drift: Drift, console: Console) -> None:
    console.print("\n[bold]Drift since the rebuild[/]")
    if drift.head_coverage is not None and drift.coverage is not None:
        console.print(
            f"{drift.head_hot:,} of the {drift.head_items:,} items in the current head are hot and have "
            f"{drift.head_coverage:.1%} of its requests; the hot set covers {drift.coverage:.1%} of all "
            "requests."
        )
    if drift.ages:
        bars = bar_line([age.coverage for age in drift.ages])
        console.print(f"coverage by hour  {bars}", "")
    if drift.entering:
        console.print(_entering_table(drift.entering), "")
    console.print(f"[bold]→[/] {drift.advice}", soft_wrap=True)


def _entering_table(items: list[EnteringItem]) -> Table:
    table = _table("in the head, not hot", "requests", "share", "title")
    table.columns[3].justify = "left"
    for line in items:
        share = f"{line.share:.2%}"
        table.add_row(escape(line.item_id), f"{line.requests:,}", share, escape(line.title or ""))
    return table


def _over_time(series: list[Point]) -> str:
    return f"hit rate over time  {sparkline(series)}  [dim]from {format_time(series[0].start)}[/]"


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table
