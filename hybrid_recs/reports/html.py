"""The report as one self-contained HTML file: style and drawings inside, no script, nothing fetched.

Titles and ids are users' data: whatever is not markup of ours goes through `escape`.
"""

from datetime import UTC, datetime
from html import escape
from importlib import resources

from hybrid_recs.reports import charts
from hybrid_recs.reports.drift import Drift
from hybrid_recs.reports.hit_rate_bundle import HitRateBundle
from hybrid_recs.reports.planner import render
from hybrid_recs.reports.planner.outage_headroom import OutageHeadroom
from hybrid_recs.reports.planner.plan import Plan
from hybrid_recs.reports.svg import stylesheet
from hybrid_recs.reports.wording import cause_in_words, milliseconds, when
from hybrid_recs.telemetry.hit_rates import HitRateReport

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


def page(hit_rate_bundle: HitRateBundle, now: float) -> str:
    """The whole file."""
    counts = hit_rate_bundle.counts
    parts = [_head(hit_rate_bundle)]
    if counts.requests:
        parts += [_time(counts), _latency(counts), _causes(counts)]
    if hit_rate_bundle.plan is not None and hit_rate_bundle.plan.requests:
        parts.append(_plan(hit_rate_bundle.plan))
    parts += [_missed(counts)] if counts.most_missed else []
    parts += [_drift(hit_rate_bundle.drift)] if hit_rate_bundle.drift is not None else []
    parts += [_headroom(hit_rate_bundle.headroom)] if hit_rate_bundle.headroom is not None else []
    made = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M")
    parts.append(
        f"<footer>Made {made} UTC by hybrid-recs. Milliseconds are of the service's own work, read off "
        "histograms within 9&nbsp;%. Times are UTC.</footer>"
    )
    style = stylesheet() + (resources.files("hybrid_recs.reports") / "page.css").read_text()
    title = f"Cache hit rate, {when(counts.start)}"
    return _PAGE.format(title=escape(title), style=style, body="\n".join(parts))


def _head(hit_rate_bundle: HitRateBundle) -> str:
    counts = hit_rate_bundle.counts
    of = f" · generation {counts.generation}" if counts.generation else ""
    meta = escape(f"{when(counts.start)} – {when(counts.end)} UTC{of}")
    head = f'<header><h1>Cache hit rate</h1><p class="meta">{meta}</p></header>'
    if not counts.requests:
        return head + _advice(counts.advice)
    p50 = {line.source: line.p50_ms for line in counts.sources}
    figures = [
        (f"{counts.hit_rate or 0:.1%}", "of requests answered from the cache"),
        (f"{counts.requests:,}", "item requests"),
        (milliseconds(p50.get("cache")), "cached answer, median"),
        (milliseconds(p50.get("live")), "live answer, median"),
    ]
    shown = "".join(f"<div><dt>{escape(what)}</dt><dd>{escape(value)}</dd></div>" for value, what in figures)
    said = [counts.advice]
    if hit_rate_bundle.plan is not None and hit_rate_bundle.plan.worth_it is False:
        said.append(hit_rate_bundle.plan.advice)
    return f'{head}<dl class="figures">{shown}</dl>' + "".join(map(_advice, dict.fromkeys(said)))


def _time(counts: HitRateReport) -> str:
    keys = "".join(
        f'<li><i style="background:var(--{line.source})"></i>{escape(line.source)} {line.share:.1%}</li>'
        for line in counts.sources
    )
    chart = charts.over_time(counts.series)
    busiest = f"The busiest minute had {counts.peak_per_second:,.1f} requests a second."
    return _section(
        "Over time",
        "",
        f'<ul class="legend">{keys}</ul><figure>{chart}</figure><p class="note">{busiest}</p>',
    )


def _latency(counts: HitRateReport) -> str:
    if not any(line.p50_ms for line in counts.sources):
        return ""
    return _section("Latency by source", "", f"<figure>{charts.latencies(counts.sources)}</figure>")


def _causes(counts: HitRateReport) -> str:
    rows = [
        [_text(cause_in_words(line.source, line.cause)), f"{line.requests:,}", f"{line.share:.1%}"]
        for line in counts.causes
    ]
    return _section("Why", "", _table(["<outcome", "requests", "share"], rows))


def _plan(plan: Plan) -> str:
    rows = [[*map(escape, render.cells(size))] for size in plan.sizes]
    chosen = [at for at, size in enumerate(plan.sizes) if "target" in size.what]
    body = (
        f"{_advice(plan.advice, warn=plan.worth_it is False)}<figure>{charts.by_size(plan)}</figure>"
        f"{_table([*render.COLUMNS[:-1], '='], rows, chosen)}"
        f'<p class="note">{escape(render.counted(plan))}. {escape(render.measured(plan))}.</p>'
    )
    return _section("How many items should have a list", "", body)


def _missed(counts: HitRateReport) -> str:
    most = max(line.requests for line in counts.most_missed)
    rows = [
        [
            _text(line.title or "–"),
            f'<span class="id">{escape(line.item_id)}</span>',
            f"{line.requests:,}",
            f'<i style="width:{line.requests / most:.1%}"></i>',
        ]
        for line in counts.most_missed
    ]
    said = "Answered live because they are not hot, most often first; counted by whole hours."
    return _section("Most missed items", said, _table(["<item", "id", "requests", "*"], rows))


def _drift(drift: Drift) -> str:
    body = _advice(drift.advice)
    if drift.head_coverage is not None and drift.coverage is not None:
        body += (
            f"<p>Of the {drift.head_items:,} items that make four fifths of the latest requests, "
            f"{drift.head_hot:,} are hot; they get {drift.head_coverage:.1%} of the head's requests. "
            f"Of all requests the hot set covers {drift.coverage:.1%}.</p>"
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
        body += "<p>Entering the head, and not hot:</p>" + _table(["<item", "id", "requests", "share"], rows)
    return _section("Drift since the rebuild", "", body)


def _headroom(headroom: OutageHeadroom) -> str:
    warn = headroom.carried < 1
    note = (
        f"An M/M/c estimate for {headroom.cores} cores, from {headroom.live_cpu_ms:.2f} ms of CPU a live "
        "answer, "
        f"measured when this was made: about {headroom.capacity_per_second:,.0f} requests a second."
    )
    return _section(
        "If Redis vanished now", "", f'{_advice(headroom.advice, warn)}<p class="note">{escape(note)}</p>'
    )


def _section(title: str, said: str, body: str) -> str:
    said = f'<p class="note">{escape(said)}</p>' if said else ""
    return f"<section><h2>{escape(title)}</h2>{said}{body}</section>"


def _advice(text: str, warn: bool = False) -> str:
    return f'<p class="advice{" warn" if warn else ""}">{escape(text)}</p>'


def _text(value: str) -> str:
    return f'<span class="text">{escape(value)}</span>'


def _table(heads: list[str], rows: list[list[str]], chosen: list[int] | None = None) -> str:
    """Cells are HTML. A head that begins with < is of text, = of a few words, * is a bar, else numbers."""
    kinds = [{"<": "text", "=": "words", "*": "bar"}.get(head[:1], "") for head in heads]
    classes = [f' class="{kind}"' if kind else "" for kind in kinds]
    top = "".join(f"<th{of}>{escape(h.lstrip('<=*'))}</th>" for of, h in zip(classes, heads, strict=True))
    lines = []
    for at, row in enumerate(rows):
        cells = "".join(f"<td{of}>{cell}</td>" for of, cell in zip(classes, row, strict=True))
        mark = ' class="chosen"' if chosen and at in chosen else ""
        lines.append(f"<tr{mark}>{cells}</tr>")
    body = "".join(lines)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
