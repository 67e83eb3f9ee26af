"""Measures a finished build and refuses one that is not good enough to serve."""

import numpy as np

from hybrid_recs.errors import GateRefusedError, GenerationError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.manifest import DEMO_DATASET, Manifest, dataset_name_of
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.offline.build.bounds import DataBounds, judge
from hybrid_recs.offline.build.replacement import changed_description, compare, remarks
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import Floats

_SAMPLE = 200
_COVERAGE_DEPTH = 10
_LIVE_DEPTH = 100
_TIE = 1e-3  # of itself: stored scores have half precision


def serving_generation(store: GenerationStore) -> Generation | None:
    """The generation that a build is compared with; None when there is none, or when it cannot be opened.

    `check` refuses a build in the latter case.
    """
    try:
        return _open_whole(store)
    except GenerationError:
        return None


def unreadable_serving_generation(store: GenerationStore) -> list[str]:
    """The reason to refuse a build that cannot be compared with what it would replace, if there is one."""
    current = store.current()
    if current is None or dataset_name_of(store.folder(current)) == DEMO_DATASET:
        return []
    try:
        _open_whole(store)
    except GenerationError as error:
        return [
            f"the serving generation {current} cannot be compared with ({error}); publish without the "
            "comparison with NEW_DATASET=1 (--new-dataset) or FORCE=1 (--force)"
        ]
    return []


def _open_whole(store: GenerationStore) -> Generation | None:
    """The serving generation; its checksums are verified, as damaged figures would pass for the data's."""
    current = store.current()
    if current is None:
        return None
    store.verify(current)
    return store.open(current)


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
    """Every figure out of bounds, as text with the bound and the way past it."""
    return [one.refusal for one in judge(quality, data_bounds or DataBounds()) if one.refusal]


def check(store: GenerationStore, manifest: Manifest, data_bounds: DataBounds | None = None) -> list[str]:
    """Raise GateRefusedError, and record it, when there are reasons to refuse the build and it is not forced.

    Returns the reasons that were overruled.
    """
    failures = reasons_to_refuse(store, manifest, data_bounds)
    if failures and not manifest.forced:
        store.record("refused", manifest.id, reasons=failures)
        raise GateRefusedError(manifest.id, failures)
    return failures


def reasons_to_refuse(
    store: GenerationStore, manifest: Manifest, data_bounds: DataBounds | None = None
) -> list[str]:
    """Every figure out of bounds; with the keys of the description that changed, which loosen no bound."""
    failures = problems(manifest.quality, data_bounds)
    if manifest.new_dataset:
        return failures
    if "surviving" not in manifest.quality:
        return failures + unreadable_serving_generation(store)
    if failures:
        changed = changed_description(manifest, Manifest.read(store.path(store.require_current())))
        failures += [changed] if changed else []
    return failures


def remarks_on(store: GenerationStore, manifest: Manifest) -> list[str]:
    """What a build was compared with, as sentences, unless a reason to refuse it says so."""
    current = store.current()
    if current is None:
        return ["no generation serves: there is nothing to compare with"]
    if manifest.new_dataset:
        return [f"not compared with the serving generation {current}: NEW_DATASET=1 (--new-dataset)"]
    if dataset_name_of(store.folder(current)) == DEMO_DATASET:
        return [f"not compared with the serving generation {current}: a demo's is never protected"]
    if "surviving" not in manifest.quality:
        return []
    return remarks(manifest, Manifest.read(store.path(current)))


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
