"""What the lines of a rebuild say: counts and figures as short text."""

from dataclasses import asdict
from datetime import UTC, datetime

from hybrid_recs.generation.manifest import IndexInfo, Manifest, ScoringInfo
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.offline.build.hot_set import HotSet
from hybrid_recs.offline.data.encoding import EncodedData
from hybrid_recs.offline.data.interactions import Account
from hybrid_recs.offline.progress import Steps
from hybrid_recs.offline.training.content_placement import PlacedItems
from hybrid_recs.offline.training.covisitation import CoVisitCounts
from hybrid_recs.types import HistoryWeights, Json


def account(figures: Account) -> str:
    """Rows read, kept and dropped, users, items and the time span."""
    text = f"{figures.rows_read:,} rows, {figures.rows_kept:,} kept"
    text += "".join(f", {count:,} {why}" for why, count in figures.dropped.items())
    text += f"; {figures.users:,} users × {figures.items:,} items, {figures.pairs:,} pairs"
    if figures.users_capped:
        text += f"; {figures.users_capped:,} histories capped"
    if figures.first_time is not None and figures.last_time is not None:
        text += f"; {_day(figures.first_time)} … {_day(figures.last_time)}"
    return text


def as_json(figures: Account) -> Json:
    """The account as it stands in the manifest."""
    return asdict(figures)


def scoring(info: ScoringInfo) -> str:
    """What was chosen, and the validation HR@20 of every co-visit weight."""
    text = f"co-visit weight {info.covisit_weight:g}, {info.steps} steps, tilt {info.tilt:g}"
    text += f", half-life {info.half_life:g}; sessions: {_history(info.of_session)}"
    text += f"; users: {_history(info.of_user)}; trend half-life {info.trend_half_life:g}"
    if info.hr is None:
        return text
    tried = ", ".join(f"{w} → {rate:.4f}" for w, rate in info.tried.get("covisit_weight", {}).items())
    return f"{text}; HR@20 {info.hr:.4f} of {info.validation_pairs:,} held-out steps (by weight: {tried})"


def _history(how: HistoryWeights) -> str:
    return f"weight {how.covisit_weight:g}, decay {how.decay:g}, trend {how.trend:g}"


def covisits(counts: CoVisitCounts) -> str:
    """How many links there are, and how many of the co-visits are kept in lists."""
    links = f"{counts.links.nnz:,} links, " if counts.links is not None else ""
    return f"{links}{len(counts.lists.rows):,} co-visits in lists"


def vectors(data: EncodedData, scorer: Scorer) -> str:
    """How many vectors, and how many items nobody met beside another one."""
    n, d = scorer.vectors.shape
    text = f"{n:,} vectors × {d}"
    without = len(data.items) - n
    return text + (f"; {without:,} items with too few interactions" if without else "")


def content(placed: PlacedItems) -> str:
    """What the encoder was fitted to, what hiding items says of it, and how many items it placed."""
    info, data = placed.info, placed.data
    without = len(data.items) - data.n_vectors - data.n_content
    if info is None:
        text = "none: nothing is written about the items that tells where they belong"
    else:
        text = (
            f"{info.features:,} features of {info.items:,} items, regulariser {info.regulariser:g}; "
            f"{info.hidden:,} hidden: cosine {info.cosine:.3f}, recall@20 {info.recall:.3f}; "
            f"{data.n_content:,} items placed"
        )
    return text + (f"; {without:,} items without a vector" if without else "")


def index(info: IndexInfo) -> str:
    """Kind, and effort, recall and milliseconds at each depth."""
    return info.kind + "".join(
        f"; at {figure.k}: recall {figure.recall:.4f}, {figure.milliseconds:.2f} ms"
        + (f" (effort {figure.effort})" if figure.effort else "")
        for figure in info.search
    )


def hot_set(hot: HotSet, data: EncodedData) -> str:
    """Size, share and bytes, and which bound held it back."""
    text = (
        f"{len(hot.rows):,} of {len(data.items):,} items, {hot.share:.1%} of interactions, "
        f"about {hot.bytes / 1e6:.1f} MB in Redis"
    )
    return text + (f" (held back by {hot.bound})" if hot.bound else "")


def quality(figures: dict[str, float]) -> str:
    """Every figure of the gate."""
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


def print_end(steps: Steps, manifest: Manifest) -> None:
    """The last line: what is in service, how long it took and how much memory."""
    steps.console.print(
        f"[bold]Generation {manifest.id} is in service[/]: {manifest.items:,} items, "
        f"{manifest.hot_items:,} hot; {steps.total_seconds():.1f} s, peak memory {steps.peak_mb():,.0f} MB",
        soft_wrap=True,
    )


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
