"""The report as Markdown, for a ticket or a wiki."""

from collections.abc import Sequence

from hybrid_recs.reports.drift import Drift
from hybrid_recs.reports.hit_rate_bundle import HitRateBundle
from hybrid_recs.reports.planner import render
from hybrid_recs.reports.wording import describe_outcome, format_milliseconds, format_time
from hybrid_recs.telemetry.hit_rates import HitRateReport


def markdown_report(bundle: HitRateBundle) -> str:
    """The same parts as the HTML report, without the charts."""
    counts = bundle.counts
    lines = ["# Cache hit rate", "", f"{format_time(counts.start)} – {format_time(counts.end)} UTC", ""]
    if counts.requests:
        lines += [f"**{counts.hit_rate or 0:.1%}** of {counts.requests:,} item requests from the cache", ""]
        lines += [*_sources(counts), *_causes(counts)]
    lines += [f"→ {counts.advice}", ""]
    if counts.most_missed:
        missed = [
            (escape_markdown(line.title or "–"), escape_markdown(line.item_id), f"{line.requests:,}")
            for line in counts.most_missed
        ]
        lines += ["## Most missed items", "", *_table(("item", "id", "requests"), missed)]
    if bundle.plan is not None:
        lines += ["## Size of the hot set", "", render.plan_markdown(bundle.plan)]
    if bundle.drift is not None:
        lines += _drift(bundle.drift)
    if bundle.headroom is not None:
        lines += ["## If Redis failed now", "", f"→ {bundle.headroom.advice}", ""]
    return "\n".join(lines)


def escape_markdown(text: str) -> str:
    """A user's text for a table cell, with all markup escaped."""
    for mark in "\\`*_[]<>|":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def _sources(counts: HitRateReport) -> list[str]:
    rows = [
        (
            line.source,
            f"{line.requests:,}",
            f"{line.share:.1%}",
            format_milliseconds(line.p50_ms),
            format_milliseconds(line.p99_ms),
        )
        for line in counts.sources
    ]
    return _table(("source", "requests", "share", "p50", "p99"), rows)


def _causes(counts: HitRateReport) -> list[str]:
    rows = [
        (describe_outcome(line.source, line.cause), f"{line.requests:,}", f"{line.share:.1%}")
        for line in counts.causes
    ]
    return _table(("outcome", "requests", "share"), rows)


def _drift(drift: Drift) -> list[str]:
    lines = ["## Drift since the rebuild", ""]
    if drift.head_coverage is not None:
        lines += [f"{drift.head_hot:,} of the {drift.head_items:,} items in the head are hot.", ""]
    if drift.entering:
        rows = [
            (
                escape_markdown(line.title or "–"),
                escape_markdown(line.item_id),
                f"{line.requests:,}",
                f"{line.share:.2%}",
            )
            for line in drift.entering
        ]
        lines += ["In the head, but not hot:", "", *_table(("item", "id", "requests", "share"), rows)]
    return [*lines, f"→ {drift.advice}", ""]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    alignment = ["---", *["---:"] * (len(heads) - 1)]
    return [f"| {' | '.join(line)} |" for line in (heads, alignment, *rows)] + [""]
