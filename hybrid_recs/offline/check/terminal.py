"""A check as one page in the terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hybrid_recs.offline.check.report import CheckReport, DroppedRows, SourceReport, TimeSpan
from hybrid_recs.offline.check.wording import bytes_text, outlook_text, time_text

_BLOCKS = " ▁▂▃▄▅▆▇█"


def print_report(report: CheckReport, console: Console) -> None:
    """Sources, rows, people, times, items, outlook, suspicions."""
    console.print(f"[bold]{escape(report.dataset)}[/]")
    for source in report.sources:
        _print_source(source, console)
    console.print(f"\n[bold]Rows[/]  {report.rows_read:,} read, {report.rows_kept:,} kept")
    for dropped in report.dropped:
        console.print(f"  {dropped.rows:>9,} {dropped.reason}{escape(_example(dropped))}", soft_wrap=True)
    console.print(
        f"\n[bold]{report.users:,}[/] users × [bold]{report.items:,}[/] items, {report.pairs:,} pairs; "
        f"{report.order}"
    )
    if report.span:
        _print_span(report.span, console)
    longest = "; ".join(f"{one.user}: {one.items:,} items in {one.rows:,} rows" for one in report.longest)
    console.print(f"[bold]Longest histories[/]  {escape(longest)}", soft_wrap=True)
    _print_crawlers(report, console)
    curve = ", ".join(f"{items} → {share:.0%}" for items, share in report.popularity.items())
    console.print(f"[bold]Popularity[/]  most popular items → interactions: {curve}", soft_wrap=True)
    _print_items(report, console)
    console.print(f"[bold]A rebuild[/]  {outlook_text(report.outlook)}", soft_wrap=True)
    _print_suspicions(report, console)


def _print_source(source: SourceReport, console: Console) -> None:
    names = ", ".join(source.names) + (" …" if source.files > len(source.names) else "")
    about = f"{source.files:,} file{'s' if source.files != 1 else ''}, {bytes_text(source.bytes)}: {names}"
    if not source.files:
        about = "a query"
    console.print(f"\n[bold]{source.table}[/]  {source.format}, {escape(about)}", soft_wrap=True)
    if source.reading:
        console.print(f"  {escape(source.reading)}")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    for head in ("  column", "type", "used as"):
        table.add_column(head, overflow="fold", no_wrap=True, min_width=7)
    table.add_column("values", overflow="ellipsis", no_wrap=True, ratio=1)
    for column in source.columns:
        cells = (f"  {column.name}", column.type, column.use, ", ".join(column.samples))
        table.add_row(*map(escape, cells), style="" if column.use else "dim")
    console.print(table)
    for line in source.bad_lines:
        console.print(f"  [yellow]left out[/] {escape(line)}", soft_wrap=True)


def _example(dropped: DroppedRows) -> str:
    if not dropped.row:
        return ""
    cells = ", ".join(f"{name}={value}" for name, value in dropped.example.items())
    return f"  (first: {dropped.table}, row {dropped.row:,}: {cells})"


def _print_span(span: TimeSpan, console: Console) -> None:
    most = max(span.bars) or 1
    bars = "".join(_BLOCKS[-(-count * (len(_BLOCKS) - 1) // most)] for count in span.bars)
    console.print(f"[bold]Times[/]  {time_text(span.first)} … {time_text(span.last)} UTC")
    console.print(f"  {bars}")
    if span.stray:
        console.print(f"  [yellow]left out[/] stray times such as {', '.join(map(time_text, span.stray))}")


def _print_crawlers(report: CheckReport, console: Console) -> None:
    crawlers = report.crawlers
    if not crawlers.visitors:
        console.print("[bold]Crawlers[/]  none found")
        return
    console.print(
        f"[bold]Crawlers[/]  {crawlers.visitors:,} visitors with {crawlers.rows:,} rows are left out"
    )
    for example in crawlers.examples:
        console.print(f"  {escape(example)}", soft_wrap=True)


def _print_items(report: CheckReport, console: Console) -> None:
    table = report.table
    if table is not None:
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in table.dropped.items())
        titles = "; ".join(f"{title!r} × {count}" for title, count in table.duplicate_titles.items())
        console.print(
            f"[bold]Items table[/]  {table.listed:,} items; it lists {table.logged_listed:.1%} of the items "
            f"of the interactions, which have {table.listed_logged:.1%} of its items"
            + (f"; {table.variants:,} more are variants of these" if table.variants else "")
            + (f"; rows left out: {dropped}" if dropped else "")
            + (f"; titles of several items: {escape(titles)}" if titles else ""),
            soft_wrap=True,
        )
    if report.edits_of_others:
        console.print(
            f"[bold]Edits[/]  {report.edits_of_others:,} of another dataset are kept and not applied"
        )


def _print_suspicions(report: CheckReport, console: Console) -> None:
    if not report.suspicions:
        console.print("\n[green]Nothing looks wrong.[/]")
        return
    console.print("\n[bold]Suspicions[/]")
    for suspicion in report.suspicions:
        style, word = ("bold red", "wrong") if suspicion.cannot_be_right else ("yellow", "odd")
        console.print(
            f"  [{style}]{word}[/]  {escape(suspicion.text)}\n         {escape(suspicion.remedy)}",
            soft_wrap=True,
        )
