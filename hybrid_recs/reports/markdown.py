"""The report as Markdown, for a ticket or a wiki."""

from collections.abc import Sequence

from hybrid_recs.reports.drift import Drift
from hybrid_recs.reports.hit_rate_bundle import HitRateBundle
from hybrid_recs.reports.planner import render
from hybrid_recs.reports.wording import cause_in_words, milliseconds, when
from hybrid_recs.telemetry.hit_rates import HitRateReport


def markdown(hit_rate_bundle: HitRateBundle) -> str:
    """The same parts as the page, without the drawings."""
    counts = hit_rate_bundle.counts
    lines = ["# Cache hit rate", "", f"{when(counts.start)} – {when(counts.end)} UTC", ""]
    if counts.requests:
        lines += [f"**{counts.hit_rate or 0:.1%}** of {counts.requests:,} item requests from the cache", ""]
        lines += [*_sources(counts), *_causes(counts)]
    lines += [f"→ {counts.advice}", ""]
    if counts.most_missed:
        missed = [
            (plain(line.title or "–"), plain(line.item_id), f"{line.requests:,}")
            for line in counts.most_missed
        ]
        lines += ["## Most missed items", "", *_table(("item", "id", "requests"), missed)]
    if hit_rate_bundle.plan is not None:
        lines += ["## Size of the hot set", "", render.markdown(hit_rate_bundle.plan)]
    if hit_rate_bundle.drift is not None:
        lines += _drift(hit_rate_bundle.drift)
    if hit_rate_bundle.headroom is not None:
        lines += ["## If Redis vanished now", "", f"→ {hit_rate_bundle.headroom.advice}", ""]
    return "\n".join(lines)


def plain(text: str) -> str:
    """A user's text within a cell: nothing in it may be taken for markup."""
    for mark in "\\`*_[]<>|":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def _sources(counts: HitRateReport) -> list[str]:
    rows = [
        (
            line.source,
            f"{line.requests:,}",
            f"{line.share:.1%}",
            milliseconds(line.p50_ms),
            milliseconds(line.p99_ms),
        )
        for line in counts.sources
    ]
    return _table(("source", "requests", "share", "p50", "p99"), rows)


def _causes(counts: HitRateReport) -> list[str]:
    rows = [
        (cause_in_words(line.source, line.cause), f"{line.requests:,}", f"{line.share:.1%}")
        for line in counts.causes
    ]
    return _table(("outcome", "requests", "share"), rows)


def _drift(drift: Drift) -> list[str]:
    lines = ["## Drift since the rebuild", ""]
    if drift.head_coverage is not None:
        lines += [f"{drift.head_hot:,} of the {drift.head_items:,} items of the head are hot.", ""]
    if drift.entering:
        rows = [
            (plain(line.title or "–"), plain(line.item_id), f"{line.requests:,}", f"{line.share:.2%}")
            for line in drift.entering
        ]
        lines += ["Entering the head, and not hot:", "", *_table(("item", "id", "requests", "share"), rows)]
    return [*lines, f"→ {drift.advice}", ""]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    marks = ["---" if at == 0 else "---:" for at in range(len(heads))]
    return [f"| {' | '.join(line)} |" for line in (heads, marks, *rows)] + [""]
