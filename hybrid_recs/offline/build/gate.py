"""Measures a finished build and refuses one that is not good enough to serve."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from hybrid_recs.errors import GateRefusedError, GenerationError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.manifest import DEMO_DATASET, Manifest, dataset_name_of
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.offline.build.replacement import SAME_DATASET, changed_description, compare
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import SECONDS_PER_DAY, Floats

MIN_ANN_RECALL = 0.95
MIN_FULL_LISTS = 0.99
MIN_PARITY = 0.95
MIN_OVERLAP = 0.1
# Share of itself by which a figure may fall below that of the serving generation of the same dataset.
MAX_FALL = {"hr@20": 0.2, "shared_coverage": 0.5}
DATA_SIZES = ("rows", "users", "items", "days", "kept_share")
_MIN_SHARED = 100
_SAMPLE = 200
_COVERAGE_DEPTH = 10
_LIVE_DEPTH = 100
_TIE = 1e-3  # of itself: stored scores have half precision
_PAST = "publish it all the same with FORCE=1 (--force)"


@dataclass(frozen=True, slots=True)
class DataBounds:
    """How far the data may fall behind that of the serving generation of the same dataset.

    max_fall: of rows, users, items, days and the share of rows kept, as a share of the serving generation's.
    min_surviving: share of its interactions that must be about items which the build has, too. max_days_back:
        by which the newest interaction may be older.
    """

    max_fall: float = 0.5
    min_surviving: float = 0.5
    max_days_back: float = 1.0


def serving_generation(store: GenerationStore) -> Generation | None:
    """The generation that a build is compared with; None when there is none, or when it cannot be opened.

    `check` refuses a build in the latter case.
    """
    current = store.current()
    try:
        return store.open(current) if current else None
    except GenerationError:
        return None


def unreadable_serving_generation(store: GenerationStore) -> list[str]:
    """The reason to refuse a build that cannot be compared with what it would replace, if there is one."""
    current = store.current()
    if current is None or dataset_name_of(store.folder(current)) == DEMO_DATASET:
        return []
    try:
        store.open(current)
    except GenerationError as error:
        return [
            f"the serving generation {current} cannot be compared with ({error}); "
            "publish without the comparison with FORCE=1 (--force)"
        ]
    return []


def measure(build: Generation, serving: Generation | None) -> dict[str, float]:
    """Figures of a build, each a share unless its name says otherwise.

    serving: what to compare the build with; None: with nothing.
    """
    figures = {f"ann_recall@{figure.k}": round(figure.recall, 5) for figure in build.manifest.index.search}
    if build.manifest.scoring.hr is not None:
        figures["hr@20"] = build.manifest.scoring.hr
    figures |= _list_figures(build)
    figures["parity@10"] = _parity(build)
    return figures | (compare(build, serving) if serving is not None else {})


def problems(quality: dict[str, float], data_bounds: DataBounds | None = None) -> list[str]:
    """Every figure out of bounds, as text with the bound."""
    bounds = [
        ("ann_recall@10", MIN_ANN_RECALL),
        ("ann_recall@100", MIN_ANN_RECALL),
        ("full_lists", MIN_FULL_LISTS),
        ("parity@10", MIN_PARITY),
    ]
    if quality.get("shared_hot_items", 0) >= _MIN_SHARED:
        bounds.append(("overlap@10", MIN_OVERLAP))
    # Not "less than": NaN must fail every bound.
    failures = [
        f"{name} is {quality[name]:.4g}, below {bound:g}"
        for name, bound in bounds
        if not quality[name] >= bound
    ]
    failures += _falls(quality) + _data_problems(quality, data_bounds or DataBounds())
    must_be_zero = ("duplicates", "not_finite", "self_recommended", "unknown_rows")
    return failures + [f"{name} is {quality[name]:g}, not 0" for name in must_be_zero if quality[name]]


def _falls(quality: dict[str, float]) -> list[str]:
    """Figures that the serving generation has and the build lacks, or that fell too far below."""
    failures = []
    for name, max_fall in MAX_FALL.items():
        before = quality.get(f"serving_{name}")
        if before is None or (name == "shared_coverage" and quality["shared_hot_items"] < _MIN_SHARED):
            continue
        if name not in quality:
            failures.append(f"{name} could not be measured, {before:.4g} in the serving generation; {_PAST}")
        elif not quality[name] >= (1 - max_fall) * before:
            failures.append(
                f"{name} is {quality[name]:.4g}, {before:.4g} in the serving generation "
                f"(bound {(1 - max_fall) * before:.4g}); {_PAST}"
            )
    return failures


def _data_problems(quality: dict[str, float], bounds: DataBounds) -> list[str]:
    """What the build was learned from, next to what the serving generation was."""
    surviving = quality.get("surviving")
    if surviving is None:
        return []
    about = f"{surviving:.1%} of the serving generation's interactions are about items of this build"
    if quality["other_name"] and surviving < SAME_DATASET:
        return [
            f"it is of another dataset than the serving generation ({about}, {SAME_DATASET:.0%} would make "
            "it the same one under a new name); replace it with NEW_DATASET=1 (--new-dataset)"
        ]
    failures = []
    if not surviving >= bounds.min_surviving:
        failures.append(
            f"only {about}, bound {bounds.min_surviving:.0%} (HYBRID_RECS_GATE_MIN_SURVIVING); if ids were "
            f"renamed, replace it with NEW_DATASET=1 (--new-dataset), or {_PAST}"
        )
    for name in DATA_SIZES:
        before = quality.get(f"serving_{name}")
        if before is None or quality.get(name, 0) >= (1 - bounds.max_fall) * before:
            continue
        bound = (1 - bounds.max_fall) * before
        failures.append(
            f"{name} is {_size(quality.get(name, 0))}, {_size(before)} in the serving generation, "
            f"bound {_size(bound)} (HYBRID_RECS_GATE_MAX_FALL={bounds.max_fall:g}); {_PAST}"
        )
    return failures + _older_data(quality, bounds)


def _older_data(quality: dict[str, float], bounds: DataBounds) -> list[str]:
    before = quality.get("serving_newest")
    if before is None or quality.get("newest", -np.inf) >= before - bounds.max_days_back:
        return []
    newest = _day(quality["newest"]) if "newest" in quality else "of no known day"
    return [
        f"the newest interaction is {newest}, {_day(before)} in the serving generation, bound "
        f"{_day(before - bounds.max_days_back)} (HYBRID_RECS_GATE_MAX_DAYS_BACK={bounds.max_days_back:g}): "
        f"is it an old export? {_PAST}"
    ]


def _day(days: float) -> str:
    return datetime.fromtimestamp(days * SECONDS_PER_DAY, UTC).strftime("%Y-%m-%d %H:%M")


def _size(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def check(store: GenerationStore, manifest: Manifest, data_bounds: DataBounds | None = None) -> None:
    """Raise GateRefusedError, and record it, when a figure is out of bounds and the build is not forced."""
    failures = reasons_to_refuse(store, manifest, data_bounds)
    if failures and not manifest.forced:
        store.record("refused", manifest.id, reasons=failures)
        raise GateRefusedError(manifest.id, failures)


def reasons_to_refuse(
    store: GenerationStore, manifest: Manifest, data_bounds: DataBounds | None = None
) -> list[str]:
    """Every figure out of bounds; with the keys of the description that changed, which loosen no bound."""
    failures = problems(manifest.quality, data_bounds) + unreadable_serving_generation(store)
    serving = serving_generation(store)
    if failures and serving is not None and "surviving" in manifest.quality:
        failures.append(changed_description(store.open(manifest.id), serving))
    return [reason for reason in failures if reason]


def _list_figures(build: Generation) -> dict[str, float]:
    n_unlisted = int(np.searchsorted(build.table.unlisted, build.manifest.vectors))
    listed = build.manifest.vectors - n_unlisted
    full = duplicates = own = unknown = not_finite = 0
    recommended = np.zeros(build.manifest.learned, bool)
    for row in build.hot.rows:
        neighbours = build.hot.neighbours(int(row))
        rows = neighbours.rows if neighbours else np.empty(0, np.int64)
        others = listed - int(build.table.lists(int(row)))
        full += len(rows) == min(build.manifest.list_depth, others)
        recommended[rows[rows < len(recommended)][:_COVERAGE_DEPTH]] = True
        duplicates += len(rows) - len(np.unique(rows))
        own += int(row in rows)
        unknown += int(np.count_nonzero(rows >= build.manifest.vectors))
        not_finite += int(np.count_nonzero(~np.isfinite(neighbours.scores))) if neighbours else 0
    return {
        "full_lists": full / len(build.hot) if len(build.hot) else 1.0,
        "coverage": float(recommended.mean()) if len(recommended) else 0.0,
        "duplicates": float(duplicates),
        "self_recommended": float(own),
        "unknown_rows": float(unknown),
        "not_finite": float(
            not_finite + _not_finite(build.scorer.vectors) + _not_finite(build.scorer.boosts)
        ),
    }


def _not_finite(values: Floats) -> int:
    return int(np.size(values) - np.count_nonzero(np.isfinite(values)))


def _parity(build: Generation) -> float:
    """Overlap at 10 of precomputed lists with live search, over a sample; of equal scores any one will do."""
    recommender = Recommender(build)
    step = max(1, len(build.hot) // _SAMPLE)
    shares = []
    for row in build.hot.rows[::step]:
        stored = build.hot.neighbours(int(row))
        if stored is None or not len(stored):
            continue
        precomputed = stored.head(10).rows
        live = recommender.live_neighbours(ItemQuery(int(row), _LIVE_DEPTH))
        last = live.scores[: len(precomputed)][-1]
        reaching = live.rows[live.scores >= last - _TIE * abs(last)]
        shares.append(len(np.intersect1d(precomputed, reaching)) / len(precomputed))
    return float(np.mean(shares)) if shares else 1.0
