"""Measures a finished build and refuses one that is not good enough to serve."""

from collections.abc import Iterator

import numpy as np

from hybrid_recs.errors import GateRefusedError, GenerationError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.manifest import DEMO_DATASET, Manifest, dataset_name_of
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import Floats

MIN_ANN_RECALL = 0.95
MIN_FULL_LISTS = 0.99
MIN_PARITY = 0.95
MIN_OVERLAP = 0.1
# Share of itself by which a figure may fall below that of the serving generation of the same dataset.
MAX_FALL = {"hr@20": 0.2, "coverage": 0.5}
_MIN_SHARED = 100
_SAMPLE = 200
_COVERAGE_DEPTH = 10


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

    `serving` is compared only when it was built from the same dataset.
    """
    figures = {f"ann_recall@{figure.k}": round(figure.recall, 5) for figure in build.manifest.index.search}
    if build.manifest.scoring.hr is not None:
        figures["hr@20"] = build.manifest.scoring.hr
    figures |= _list_figures(build)
    figures["parity@10"] = _parity(build)
    if serving is not None and serving.manifest.dataset.name == build.manifest.dataset.name:
        figures |= _overlap(build, serving)
        before = serving.manifest.quality
        figures |= {f"serving_{name}": before[name] for name in MAX_FALL if name in before}
    return figures


def problems(quality: dict[str, float]) -> list[str]:
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
    for name, max_fall in MAX_FALL.items():
        before = quality.get(f"serving_{name}")
        if before is not None and name in quality and not quality[name] >= (1 - max_fall) * before:
            failures.append(f"{name} is {quality[name]:.4g}, {before:.4g} in the serving generation")
    must_be_zero = ("duplicates", "not_finite", "self_recommended", "unknown_rows")
    return failures + [f"{name} is {quality[name]:g}, not 0" for name in must_be_zero if quality[name]]


def check(store: GenerationStore, manifest: Manifest) -> None:
    """Raise GateRefusedError, and record it, when a figure is out of bounds and the build is not forced."""
    failures = problems(manifest.quality) + unreadable_serving_generation(store)
    if failures and not manifest.forced:
        store.record("refused", manifest.id, reasons=failures)
        raise GateRefusedError(manifest.id, failures)


def _list_figures(build: Generation) -> dict[str, float]:
    depth = min(build.manifest.list_depth, build.manifest.vectors - 1)
    full = duplicates = own = unknown = not_finite = 0
    recommended = np.zeros(build.manifest.learned, bool)
    for row in build.hot.rows:
        neighbours = build.hot.neighbours(int(row))
        rows = neighbours.rows if neighbours else np.empty(0, np.int64)
        full += len(rows) == depth
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
    """Overlap at 10 of precomputed lists with live search, over a sample."""
    recommender = Recommender(build)
    step = max(1, len(build.hot) // _SAMPLE)
    shares = []
    for row in build.hot.rows[::step]:
        stored = build.hot.neighbours(int(row))
        if stored is None or not len(stored):
            continue
        precomputed = stored.head(10).rows
        live = recommender.live_neighbours(ItemQuery(int(row), len(precomputed))).rows
        shares.append(len(np.intersect1d(precomputed, live)) / len(precomputed))
    return float(np.mean(shares)) if shares else 1.0


def _overlap(build: Generation, serving: Generation) -> dict[str, float]:
    """Overlap at 10 of the lists of items hot in both, weighted by the popularity of the items."""
    weights, shares = [], []
    for row, before, after in _shared_lists(build, serving):
        weights.append(float(build.catalogue.popularity[row]))
        shares.append(len(before & after) / max(len(before), 1))
    figures = {"shared_hot_items": float(len(weights))}
    if weights:
        figures["overlap@10"] = float(np.average(shares, weights=np.maximum(weights, 1e-9)))
    return figures


def _shared_lists(build: Generation, serving: Generation) -> Iterator[tuple[int, set[str], set[str]]]:
    for row in build.hot.rows.tolist():
        old_row = serving.catalogue.row(build.catalogue.item_id(row))
        old = None if old_row is None else serving.hot.neighbours(old_row)
        new = build.hot.neighbours(row)
        if old is None or new is None:
            continue
        before = {serving.catalogue.item_id(r) for r in old.head(10).rows.tolist()}
        after = {build.catalogue.item_id(r) for r in new.head(10).rows.tolist()}
        yield row, before, after
