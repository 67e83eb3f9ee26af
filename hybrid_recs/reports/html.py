"""The report as one self-contained HTML file: style and charts are inside, no script, nothing to fetch.

Titles and ids are users' data: everything except the markup written here goes through `escape`.
"""

from collections.abc import Sequence
from html import escape
from importlib import resources

from hybrid_recs.reports import charts
from hybrid_recs.reports.drift import Drift
from hybrid_recs.reports.hit_rate_bundle import HitRateBundle
from hybrid_recs.reports.planner import render
from hybrid_recs.reports.planner.outage_headroom import OutageHeadroom
from hybrid_recs.reports.planner.plan import Plan
from hybrid_recs.reports.svg import stylesheet
from hybrid_recs.reports.wording import describe_outcome, format_milliseconds, format_time
from hybrid_recs.telemetry.hit_rates import HitRateReport

_COLUMN_KINDS = {"<": "text", "=": "words", "*": "bar"}
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


def html_report(bundle: HitRateBundle, now: float) -> str:
    """The whole file. now: the time it was made, in seconds since 1970."""
    counts = bundle.counts
    parts = [_head(bundle)]
    if counts.requests:
        parts += [_time(counts), _latency(counts), _causes(counts)]
    if bundle.plan is not None and bundle.plan.requests:
        parts.append(_plan(bundle.plan))
    parts += [_missed(counts)] if counts.most_missed else []
    parts += [_drift(bundle.drift)] if bundle.drift is not None else []
    parts += [_headroom(bundle.headroom)] if bundle.headroom is not None else []
    parts.append(
        f"<footer>Made {format_time(now)} UTC by hybrid-recs. Milliseconds measure the service's own work, "
        "from histograms accurate within 9&nbsp;%. Times are in UTC.</footer>"
    )
    style = stylesheet() + (resources.files("hybrid_recs.reports") / "page.css").read_text()
    title = f"Cache hit rate, {format_time(counts.start)}"
    return _PAGE.format(title=escape(title), style=style, body="\n".join(parts))


def _head(bundle: HitRateBundle) -> str:
    counts = bundle.counts
    generation = f" · generation {counts.generation}" if counts.generation else ""
    meta = escape(f"{format_time(counts.start)} – {format_time(counts.end)} UTC{generation}")
    head = f'<header><h1>Cache hit rate</h1><p class="meta">{meta}</p></header>'
    if not counts.requests:
        return head + _advice(counts.advice)
    p50 = {line.source: line.p50_ms for line in counts.sources}
    figures = [
        (f"{counts.hit_rate or 0:.1%}", "of requests answered from the cache"),
        (f"{counts.requests:,}", "item requests"),
        (format_milliseconds(p50.get("cache")), "median cached answer"),
        (format_milliseconds(p50.get("live")), "median live answer"),
    ]
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for value, name in figures)
    advice = [counts.advice]
    if bundle.plan is not None and bundle.plan.worth_it is False:
        advice.append(bundle.plan.advice)
    return f'{head}<dl class="figures">{items}</dl>' + "".join(map(_advice, advice))


def _time(counts: HitRateReport) -> str:
    legend = "".join(
        f'<li><i style="background:var(--{line.source})"></i>{escape(line.source)} {line.share:.1%}</li>'
        for line in counts.sources
    )
    chart = charts.over_time(counts.series)
    busiest = f"The busiest minute had {counts.peak_per_second:,.1f} requests per second on average."
    return _section(
        "Over time",
        "",
        f'<ul class="legend">{legend}</ul><figure>{chart}</figure><p class="note">{busiest}</p>',
    )


def _latency(counts: HitRateReport) -> str:
    if not any(line.p50_ms for line in counts.sources):
        return ""
    return _section("Latency by source", "", f"<figure>{charts.latencies(counts.sources)}</figure>")


def _causes(counts: HitRateReport) -> str:
    rows = [
        [_text(describe_outcome(line.source, line.cause)), f"{line.requests:,}", f"{line.share:.1%}"]
        for line in counts.causes
    ]
    return _section("Why", "", _table(["<outcome", "requests", "share"], rows))


def _plan(plan: Plan) -> str:
    rows = [[*map(escape, render.size_cells(size))] for size in plan.sizes]
    targets = [row for row, size in enumerate(plan.sizes) if size.items == plan.target_items]
    body = (
        f"{_advice(plan.advice, warn=plan.worth_it is False)}<figure>{charts.by_size(plan)}</figure>"
        f"{_table([*render.COLUMNS[:-1], '='], rows, targets)}"
        f'<p class="note">{escape(render.describe_traffic(plan))}. {escape(render.describe_costs(plan))}.</p>'
    )
    return _section("How many items should have a list", "", body)


def _missed(counts: HitRateReport) -> str:
    max_requests = max(line.requests for line in counts.most_missed)
    rows = [
        [
            _text(line.title or "–"),
            f'<span class="id">{escape(line.item_id)}</span>',
            f"{line.requests:,}",
            f'<i style="width:{line.requests / max_requests:.1%}"></i>',
        ]
        for line in counts.most_missed
    ]
    note = "Answered live because they are not hot, counted by whole hours."
    return _section("Most missed items", note, _table(["<item", "id", "requests", "*"], rows))


def _drift(drift: Drift) -> str:
    body = _advice(drift.advice)
    if drift.head_coverage is not None and drift.coverage is not None:
        body += (
            f"<p>The head is the {drift.head_items:,} items that get four fifths of the latest requests: "
            f"{drift.head_hot:,} of them are hot and get {drift.head_coverage:.1%} of the head's requests. "
            f"The hot set covers {drift.coverage:.1%} of all requests.</p>"
        )
    if len(drift.ages) > 1:
        body += f"<figure>{charts.decay(drift)}</figure>"
    if drift.entering:
        rows = [
            [
                _text(line.title or "–"),
                f'<span class="id">{escape(line.item_id)}</span>',
                f"{line.requests:,}",
                f"{line.share:.2%}",
            ]
            for line in drift.entering
        ]
        body += "<p>In the head, but not hot:</p>" + _table(["<item", "id", "requests", "share"], rows)
    return _section("Drift since the rebuild", "", body)


def _headroom(headroom: OutageHeadroom) -> str:
    warn = headroom.carried < 1
    note = (
        f"M/M/c estimate for {headroom.cores} cores and {headroom.live_cpu_ms:.2f} ms of CPU per live "
        f"answer, as measured for this report: about {headroom.capacity_per_second:,.0f} requests per second."
    )
    return _section(
        "If Redis failed now", "", f'{_advice(headroom.advice, warn)}<p class="note">{escape(note)}</p>'
    )


def _section(title: str, note: str, body: str) -> str:
    paragraph = f'<p class="note">{escape(note)}</p>' if note else ""
    return f"<section><h2>{escape(title)}</h2>{paragraph}{body}</section>"


def _advice(text: str, warn: bool = False) -> str:
    return f'<p class="advice{" warn" if warn else ""}">{escape(text)}</p>'


def _text(value: str) -> str:
    return f'<span class="text">{escape(value)}</span>'


def _table(heads: list[str], rows: list[list[str]], highlighted: Sequence[int] = ()) -> str:
    """Cells are HTML. The first character of a head sets the kind of its column: < text, = a few words, * a
    bar; otherwise numbers."""
    kinds = [_COLUMN_KINDS.get(head[:1], "") for head in heads]
    classes = [f' class="{kind}"' if kind else "" for kind in kinds]
    names = [escape(head.lstrip("<=*")) for head in heads]
    head_row = "".join(f"<th{kind}>{name}</th>" for kind, name in zip(classes, names, strict=True))
    body_rows = []
    for number, row in enumerate(rows):
        cells = "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(classes, row, strict=True))
        mark = ' class="chosen"' if number in highlighted else ""
        body_rows.append(f"<tr{mark}>{cells}</tr>")
    head, body = f"<thead><tr>{head_row}</tr></thead>", f"<tbody>{''.join(body_rows)}</tbody>"
    return f'<div class="scroll"><table>{head}{body}</table></div>'
