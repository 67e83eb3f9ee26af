"""The held-out slice of a rebuild: next-item steps, and how often a set of parameters foresees them."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hybrid_recs.manifest import ScoringInfo
from hybrid_recs.offline.covisitation import CoVisitCounts, count_covisits
from hybrid_recs.offline.dataset import Dataset
from hybrid_recs.offline.embeddings import diffusion
from hybrid_recs.offline.matrix import Encoded, encode
from hybrid_recs.offline.model import Model
from hybrid_recs.offline.split import split_latest
from hybrid_recs.scoring import LONGEST_HISTORY, Scorer, history
from hybrid_recs.types import Floats, Rows
from hybrid_recs.vectors import ExactIndex

CUTOFF = 20
MOST_STEPS = 5
_MOST_STEPS = 3_000
_LEAST_SAMPLE = 500
_MOST_HISTORIES = 600
# Steps times items that one search over the slice may cost.
_BUDGET = 200_000_000

Hits = NDArray[np.bool_]


@dataclass(slots=True)
class Validation:
    """data: the earlier part. steps: source and target rows (m × 2). histories: what each target's user
    had met before it, oldest first, for the first steps."""

    data: Encoded
    steps: Rows
    histories: list[Rows]
    dimensions: int | None
    seed: int
    _counts: dict[float, CoVisitCounts] = field(default_factory=dict)
    _vectors: dict[int, Floats] = field(default_factory=dict)
    _near: dict[tuple[int, float], Rows] = field(default_factory=dict)

    def item_hits(self, scoring: ScoringInfo) -> Hits:
        """Per step, whether the target is among the best 20 after its source."""
        scorer, key = self._scorer(scoring), (scoring.steps, scoring.tilt)
        if key not in self._near:
            queries = scorer.vectors[self.steps[:, 0]]
            self._near[key] = _index(scorer).search_many(queries, CUTOFF + 1)
        near = self._near[key]
        found = (
            int(target) in scorer.rank(int(source), candidates, CUTOFF).rows
            for (source, target), candidates in zip(self.steps, near, strict=True)
        )
        return np.fromiter(found, bool, len(self.steps))

    def history_hits(self, scoring: ScoringInfo) -> Hits:
        """Per history, whether the target is among the best 20 of what its user had not met."""
        scorer = self._scorer(scoring)
        index = _index(scorer)
        sets = [history(rows, scoring.history_decay, scoring.history_weight, None) for rows in self.histories]
        queries = np.stack([scorer.query(items) for items in sets])
        near = index.search_many(queries, CUTOFF + LONGEST_HISTORY)
        targets = self.steps[: len(sets), 1]
        found = (
            int(target) in scorer.rank_set(items, candidates, CUTOFF, frozenset(rows.tolist())).rows
            for items, candidates, target, rows in zip(sets, near, targets, self.histories, strict=True)
        )
        return np.fromiter(found, bool, len(sets))

    def _scorer(self, scoring: ScoringInfo) -> Scorer:
        if scoring.half_life not in self._counts:
            self._counts[scoring.half_life] = count_covisits(self.data, half_life=scoring.half_life)
        counts = self._counts[scoring.half_life]
        if scoring.steps not in self._vectors:
            # The links of the graph carry no age, so the vectors do not depend on the half-life.
            fits = diffusion(self.data.matrix, counts.links, self.dimensions, self.seed)
            self._vectors = dict(zip(range(1, max(MOST_STEPS, scoring.steps) + 1), fits, strict=False))
        return Model(self._vectors[scoring.steps], counts, self.data.degrees).scorer(scoring)


def hold_out(dataset: Dataset, dimensions: int | None, seed: int) -> Validation:
    """Split off the latest interactions; a bounded, seeded sample of the steps they make."""
    split = split_latest(dataset)
    data = encode(split.earlier)
    rows = data.items.head(data.n_vectors).select("item").with_row_index("row")
    known = (
        split.steps.join(rows.rename({"item": "source", "row": "a"}), on="source")
        .join(rows.rename({"item": "target", "row": "b"}), on="target")
        .sort("user", "place")
    )
    most = max(_LEAST_SAMPLE, min(_MOST_STEPS, _BUDGET // max(data.n_vectors, 1)))
    if len(known) > most:
        known = known.sample(most, seed=seed, shuffle=True)
    steps = known.select("a", "b").to_numpy().astype(np.int64)
    histories = _histories(dataset, known.head(_MOST_HISTORIES), rows)
    return Validation(data, steps, histories, dimensions, seed)


def _histories(dataset: Dataset, steps: pl.DataFrame, rows: pl.DataFrame) -> list[Rows]:
    """The rows that each step's user met before its target, oldest first."""
    users = steps.select("user").unique()
    met = (
        dataset.pairs.with_columns(place=pl.int_range(pl.len()).over("user"))
        .join(users, on="user", how="semi", maintain_order="left")
        .join(rows, on="item", maintain_order="left")
        .group_by("user")
        .agg("row", met="place")
    )
    lists = steps.select("user", "place").join(met, on="user", how="left", maintain_order="left")
    return [
        np.asarray(of, np.int64)[np.asarray(places) < place]
        for place, of, places in lists.select("place", "row", "met").iter_rows()
    ]


def _index(scorer: Scorer) -> ExactIndex:
    return ExactIndex(np.ascontiguousarray(scorer.vectors * scorer.tilt[:, np.newaxis]))
