"""Chooses how much co-visits weigh against vectors, on a slice of the data held out for it."""

import numpy as np
import polars as pl

from hybrid_recs.manifest import ScoringInfo
from hybrid_recs.offline.dataset import Dataset
from hybrid_recs.offline.embeddings import TILT
from hybrid_recs.offline.matrix import Encoded, encode
from hybrid_recs.offline.model import Model, fit
from hybrid_recs.offline.split import split_latest
from hybrid_recs.settings import Settings
from hybrid_recs.types import Rows
from hybrid_recs.vectors import ExactIndex

WEIGHTS = (0.0, 0.5, 1.0, 3.0, 10.0)
DEFAULT_WEIGHT = 1.0
_CUTOFF = 20
_MOST_STEPS = 4_000
_FEWEST_STEPS = 100


def choose_scoring(dataset: Dataset, settings: Settings) -> ScoringInfo:
    """The pinned weight of co-visits, or the one that validation chooses."""
    if settings.covisit_weight is not None:
        return ScoringInfo(covisit_weight=settings.covisit_weight, tilt=TILT)
    return choose_weight(dataset, settings.dimensions, settings.seed)


def choose_weight(dataset: Dataset, dimensions: int, seed: int) -> ScoringInfo:
    """The weight with the highest validation HR@20; the default when there is too little to judge by.

    Fits on the earlier part and asks for the next item of up to 4,000 later steps, source masked.
    """
    split = split_latest(dataset)
    data = encode(split.earlier)
    steps = _known_steps(split.steps, data, seed)
    if len(steps) < _FEWEST_STEPS:
        return ScoringInfo(covisit_weight=DEFAULT_WEIGHT, tilt=TILT, validation_pairs=len(steps))
    model = fit(data, dimensions, seed)
    rates = hit_rates(model, steps)
    # Ties and near-ties go to the weight nearest the default: noise should not choose an extreme.
    best = max(rates.values())
    near = [weight for weight, rate in rates.items() if rate >= best * (1 - 1e-9)]
    chosen = min(near, key=lambda weight: abs(np.log((weight + 0.1) / (DEFAULT_WEIGHT + 0.1))))
    return ScoringInfo(
        covisit_weight=chosen,
        tilt=TILT,
        tried={f"{weight:g}": round(rate, 5) for weight, rate in rates.items()},
        validation_pairs=len(steps),
    )


def hit_rates(model: Model, steps: Rows) -> dict[float, float]:
    """HR@20 of each weight over steps (m × 2: source and target rows)."""
    scorers = {weight: model.scorer(weight) for weight in WEIGHTS}
    any_scorer = scorers[DEFAULT_WEIGHT]
    index = ExactIndex(np.ascontiguousarray(any_scorer.vectors * any_scorer.tilt[:, np.newaxis]))
    candidates = index.search_many(any_scorer.vectors[steps[:, 0]], _CUTOFF + 1)
    hits = dict.fromkeys(WEIGHTS, 0)
    for (source, target), near in zip(steps, candidates, strict=True):
        for weight, scorer in scorers.items():
            hits[weight] += int(target in scorer.rank(int(source), near, _CUTOFF).rows)
    return {weight: count / len(steps) for weight, count in hits.items()}


def _known_steps(steps: pl.DataFrame, data: Encoded, seed: int) -> Rows:
    """Source and target rows of the steps between items that have vectors, sampled to a bound."""
    rows = data.items.head(data.n_vectors).select("item").with_row_index("row")
    known = steps.join(rows.rename({"item": "source", "row": "a"}), on="source").join(
        rows.rename({"item": "target", "row": "b"}), on="target"
    )
    known = known.filter(pl.col("a") != pl.col("b")).select("a", "b").sort("a", "b")
    if len(known) > _MOST_STEPS:
        known = known.sample(_MOST_STEPS, seed=seed)
    return known.to_numpy().astype(np.int64)
