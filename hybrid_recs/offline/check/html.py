"""A check as one self-contained HTML file: style inside, no script, nothing to fetch.

Cells of the data are anybody's: everything except the markup written here goes through `escape`.
"""

from collections.abc import Sequence
from html import escape
from importlib import resources

from hybrid_recs.offline.check.report import CheckReport, DroppedRows, SourceReport, TimeSpan
from hybrid_recs.offline.check.wording import bytes_text, outlook_text, time_text
from hybrid_recs.reports.svg import Drawing, Size, stylesheet

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
_CHART = Size(728, 90)
_SHORT = 24  # characters


def html_page(report: CheckReport) -> str:
    """The whole file."""
    parts = [
        _head(report),
        _suspicions(report),
        *(_source(source) for source in report.sources),
        _rows(report),
        *([_span(report.span)] if report.span else []),
        _people(report),
        _items(report),
        f"<h2>A rebuild</h2><p>{escape(outlook_text(report.outlook))}.</p>",
        "<footer>Made by hybrid-recs check. Counts are exact; ≈ marks estimates.</footer>",
    ]
    style = stylesheet() + (resources.files("hybrid_recs.reports") / "page.css").read_text()
    title = f"Data of {report.dataset}"
    return _PAGE.format(title=escape(title), style=style, body="\n".join(parts))


def _head(report: CheckReport) -> str:
    figures = [
        (f"{report.rows_kept:,}", f"of {report.rows_read:,} rows kept"),
        (f"{report.users:,}", "users"),
        (f"{report.items:,}", "items"),
        (f"{report.pairs:,}", "pairs of user and item"),
    ]
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for value, name in figures)
    return (
        f'<header><h1>{escape(report.dataset)}</h1><p class="meta">Rows are taken '
        f'{escape(report.order)}.</p></header><dl class="figures">{cells}</dl>'
    )


def _suspicions(report: CheckReport) -> str:
    if not report.suspicions:
        return '<p class="advice">Nothing looks wrong.</p>'
    return "".join(
        f'<p class="advice{" warn" if one.cannot_be_right else ""}"><b>{escape(_sentence(one.text))}</b> '
        f"{escape(_sentence(one.remedy))}</p>"
        for one in report.suspicions
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(("?", ".")) else ".")


def _source(source: SourceReport) -> str:
    names = ", ".join(source.names) + (" …" if source.files > len(source.names) else "")
    about = f"{source.files:,} files, {bytes_text(source.bytes)}: {names}" if source.files else "a query"
    note = "; ".join(part for part in (source.format, about, source.reading) if part)
    rows = [[column.name, column.type, column.use, ", ".join(column.samples)] for column in source.columns]
    bad = "".join(f'<p class="note">Left out: {escape(line)}</p>' for line in source.bad_lines)
    table = _table(["Column", "Type", "Used as", "Values"], rows)
    return f'<h2>{escape(source.table)}</h2><p class="note">{escape(note)}</p>{table}{bad}'


def _rows(report: CheckReport) -> str:
    if not report.dropped:
        return "<h2>Rows</h2><p>All rows are kept.</p>"
    rows = [[f"{one.rows:,}", one.reason, *_example(one)] for one in report.dropped]
    return "<h2>Rows that are left out</h2>" + _table(["Rows", "Why", "First", "Its cells"], rows)


def _example(dropped: DroppedRows) -> list[str]:
    if not dropped.row:
        return ["", ""]
    cells = ", ".join(f"{name}={value}" for name, value in dropped.example.items())
    return [f"{dropped.table}, row {dropped.row:,}", cells]


def _span(span: TimeSpan) -> str:
    label = f"Rows from {time_text(span.first)} to {time_text(span.last)}"
    drawing = Drawing(_CHART, label)
    width, most = _CHART.width / len(span.bars), max(span.bars) or 1
    for place, count in enumerate(span.bars):
        height = (_CHART.height - 10) * count / most
        corner = (place * width, _CHART.height - height)
        drawing.rectangle(corner, Size(max(width - 1, 1), height), "fill live")
    stray = f"; left out: {', '.join(map(time_text, span.stray))}" if span.stray else ""
    return (
        f"<h2>Times</h2><figure>{drawing.inline()}<figcaption>{escape(label + ' UTC' + stray)}"
        "</figcaption></figure>"
    )


def _people(report: CheckReport) -> str:
    longest = _table(
        ["User", "Items", "Rows"], [[one.user, f"{one.items:,}", f"{one.rows:,}"] for one in report.longest]
    )
    crawlers = report.crawlers
    found = (
        f"{crawlers.visitors:,} visitors with {crawlers.rows:,} rows look like programs and are left out: "
        + "; ".join(crawlers.examples)
        if crawlers.visitors
        else "No crawlers were found"
    )
    return f"<h2>Longest histories</h2>{longest}<p>{escape(found)}.</p>"


def _items(report: CheckReport) -> str:
    curve = _table(
        ["Most popular items", "Interactions"],
        [[items, f"{share:.1%}"] for items, share in report.popularity.items()],
    )
    table = report.table
    if table is None:
        return f"<h2>Items</h2>{curve}"
    about = (
        f"The items table lists {table.listed:,} items, {table.logged_listed:.1%} of those with "
        f"interactions; {table.listed_logged:.1%} of its items have some."
        + (f" {table.variants:,} more are variants of these." if table.variants else "")
    )
    dropped, titles = "", ""
    if table.dropped:
        rows = [[f"{count:,}", reason] for reason, count in table.dropped.items()]
        dropped = _table(["Rows of the items table left out", "Why"], rows)
    if table.duplicate_titles:
        rows = [[title, f"{count:,}"] for title, count in table.duplicate_titles.items()]
        titles = _table(["Title of several items", "Items"], rows)
    return f"<h2>Items</h2><p>{escape(about)}</p>{dropped}{titles}{curve}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    # Columns of short cells are not broken, those with long ones wherever it is needed.
    longest = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    kinds = ["words" if length <= _SHORT else "text" for length in longest]
    head = _cells("th", heads, kinds)
    body = "".join(f"<tr>{_cells('td', row, kinds)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cells(tag: str, texts: Sequence[str], kinds: Sequence[str]) -> str:
    return "".join(
        f'<{tag} class="{kind}">{escape(text)}</{tag}>' for text, kind in zip(texts, kinds, strict=True)
    )
