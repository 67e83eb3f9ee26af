"""The result lines of a rebuild's steps: counts and figures as short text."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape

from hybrid_recs.generation.manifest import IndexInfo, Manifest, ScoringInfo
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.offline.build.bounds import Verdict
from hybrid_recs.offline.build.hot_set import HotSet
from hybrid_recs.offline.data.dataset import InputStats
from hybrid_recs.offline.data.encoding import EncodedData
from hybrid_recs.offline.data.stray_times import time_text
from hybrid_recs.offline.progress import Steps
from hybrid_recs.offline.training.content_vectors import CompleteModel
from hybrid_recs.offline.training.covisitation import CoVisitCounts
from hybrid_recs.types import HistoryWeights


def input_stats(stats: InputStats) -> str:
    """Rows read, kept and dropped, users, items and the time span."""
    text = f"{stats.rows_read:,} rows, {stats.rows_kept:,} kept"
    text += "".join(f", {count:,} {reason}" for reason, count in stats.dropped.items())
    text += f"; {stats.users:,} users × {stats.items:,} items, {stats.pairs:,} pairs"
    if stats.variants:
        text += f"; {stats.variants:,} variants learned as another of their product"
    if stats.users_capped:
        text += f"; {stats.users_capped:,} histories capped"
    if stats.first_time is not None and stats.last_time is not None:
        text += f"; {_day(stats.first_time)} … {_day(stats.last_time)}"
    if stats.stray_times:
        text += f"; stray times such as {', '.join(map(time_text, stats.stray_times))}"
    if stats.items_dropped:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in stats.items_dropped.items())
        text += f"; rows of the items table left out: {reasons}"
    return f"{text}; {stats.order.text}" if stats.order else text


def scoring(info: ScoringInfo) -> str:
    """The chosen parameters, and the validation HR@20 of every co-visit weight."""
    text = f"co-visit weight {info.covisit_weight:g}, {info.steps} steps, tilt {info.tilt:g}"
    text += f", half-life {info.half_life:g}; sessions: {_history(info.of_session)}"
    text += f"; users: {_history(info.of_user)}; trend half-life {info.trend_half_life:g}"
    if info.hold_out:
        text += f"; {info.hold_out}"
    if info.hr is None:
        return text
    tried = ", ".join(f"{w} → {rate:.4f}" for w, rate in info.tried.get("covisit_weight", {}).items())
    return f"{text}; HR@20 {info.hr:.4f} of {info.validation_pairs:,} held-out steps (by weight: {tried})"


def _history(weights: HistoryWeights) -> str:
    return f"weight {weights.covisit_weight:g}, decay {weights.decay:g}, trend {weights.trend:g}"


def covisits(counts: CoVisitCounts) -> str:
    """Links of the graph, and co-visits kept in lists."""
    links = f"{counts.links.nnz:,} links, " if counts.links is not None else ""
    return f"{links}{len(counts.lists.rows):,} co-visits in lists"


def vectors(data: EncodedData, scorer: Scorer) -> str:
    """Learned vectors, and items without one."""
    n, d = scorer.vectors.shape
    text = f"{n:,} vectors × {d}"
    without = len(data.items) - n
    return text + (f"; {without:,} items with too few interactions" if without else "")


def content(model: CompleteModel) -> str:
    """The encoder's fit, its figures on hidden items, and the items embedded from their metadata."""
    info, data = model.info, model.data
    without = len(data.items) - data.n_vectors - data.n_content
    if info is None:
        text = "none: the items have no metadata that predicts their vectors"
    else:
        text = (
            f"{info.features:,} features of {info.items:,} items, regulariser {info.regulariser:g}; "
            f"{info.hidden:,} hidden: cosine {info.cosine:.3f}, recall@20 {info.recall:.3f}; "
            f"{data.n_content:,} items embedded"
        )
    return text + (f"; {without:,} items without a vector" if without else "")


def index(info: IndexInfo) -> str:
    """Kind, and recall, milliseconds and effort at each depth."""
    return info.kind + "".join(
        f"; at {figure.k}: recall {figure.recall:.4f}, {figure.milliseconds:.2f} ms"
        + (f" (effort {figure.effort})" if figure.effort else "")
        for figure in info.search
    )


def hot_set(hot: HotSet, data: EncodedData) -> str:
    """Size, share of interactions and bytes, and the setting that limited it."""
    text = (
        f"{len(hot.rows):,} of {len(data.items):,} items, {hot.share:.1%} of interactions, "
        f"about {hot.bytes / 1e6:.1f} MB in Redis"
    )
    return text + (f" (limited by {hot.bound})" if hot.bound else "")


def quality(figures: dict[str, float]) -> str:
    """Every figure of the gate."""
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


def print_verdicts(verdicts: Sequence[Verdict], console: Console) -> None:
    """Every figure of the gate beside the serving generation's and the bound, one a line."""
    rows = [("figure", "build", "serving", "bound", "")]
    rows += [
        (one.name, one.build, one.serving or "–", one.bound or "–", "refused" if one.refusal else "")
        for one in verdicts
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        console.print(escape(f"  {'  '.join(cells)}".rstrip()), soft_wrap=True)


def print_end(steps: Steps, manifest: Manifest) -> None:
    """The last line: the generation in service, the total time and the peak memory."""
    steps.console.print(
        f"[bold]Generation {manifest.id} is in service[/]: {manifest.items:,} items, "
        f"{manifest.hot_items:,} hot; {steps.total_seconds():.1f} s, peak memory {steps.peak_mb():,.0f} MB",
        soft_wrap=True,
    )


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
