"""The held-out slice of a rebuild, and how well a set of parameters predicts it."""

from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hybrid_recs.generation.scoring import Scorer, history_query
from hybrid_recs.generation.scoring_parameters import ScoringParameters
from hybrid_recs.offline.data.dataset import Dataset
from hybrid_recs.offline.data.encoding import EncodedData, encode
from hybrid_recs.offline.data.split import split_latest
from hybrid_recs.offline.training.candidate_scores import CandidateScores, Queries, find_candidates
from hybrid_recs.offline.training.covisitation import CoVisitCounts, count_covisits
from hybrid_recs.offline.training.embeddings import diffusion, popularity_boosts, unit_rows
from hybrid_recs.offline.training.trend import fit_trend
from hybrid_recs.types import Floats, HistoryWeights, Rows

_MAX_ITEM_STEPS, _MAX_HISTORIES = 3_000, 1_500
_MIN_SAMPLE = 500
# Queries times items that one evaluation of the slice may cost.
_BUDGET = 200_000_000

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ValidationCase:
    """What a visitor had interacted with, oldest first, and the rows to predict."""

    given: Rows
    targets: Rows


@dataclass(slots=True)
class ValidationSlice:
    """Held-out cases of three kinds, scored by models that are fitted to the earlier data and cached.

    data: the earlier part. items: an item and what followed it directly, each time; sessions: everything
        before a step; users: those active on both sides of the cut, with all their later interactions.
    steps_kept, half_lives_kept: the numbers of steps of the vector fit and the half-lives of the trend that
        will be tried: one fit, and one scoring of all items, serve them all.
    protocol: how the held-out cases were chosen.
    """

    data: EncodedData
    items: list[ValidationCase]
    sessions: list[ValidationCase]
    users: list[ValidationCase]
    dimensions: int | None
    seed: int
    protocol: str = ""
    steps_kept: frozenset[int] = frozenset()
    half_lives_kept: frozenset[float] = frozenset()
    _counts: dict[float, CoVisitCounts] = field(default_factory=dict)
    _vectors: dict[int, Floats] = field(default_factory=dict)
    _trends: dict[float, Floats] = field(default_factory=dict)
    _queries: dict[tuple[str, float], Queries] = field(default_factory=dict)
    _candidates: dict[str, tuple[tuple[float, ...], CandidateScores]] = field(default_factory=dict)

    @property
    def n_item_steps(self) -> int:
        """Held-out steps from one item to the next."""
        return sum(len(case.targets) for case in self.items)

    def item_hits(self, parameters: ScoringParameters) -> Values:
        """Per step, 1 if the target is among the best 20 after its source."""
        return self._candidate_scores("items", self.items, parameters).hits(parameters.covisit_weight)

    def session_hits(self, parameters: ScoringParameters) -> Values:
        """Per session, 1 if the target is among the best 20 of the items that are not in the session."""
        weights = parameters.session
        scores = self._candidate_scores("sessions", self.sessions, parameters, weights.decay)
        return scores.hits(weights.covisit_weight, self._trend(parameters.trend_half_life, weights.trend))

    def user_ndcg(self, parameters: ScoringParameters) -> Values:
        """Per user, nDCG@20 of their later items."""
        weights = parameters.user
        scores = self._candidate_scores("users", self.users, parameters, weights.decay)
        return scores.ndcg(weights.covisit_weight, self._trend(parameters.trend_half_life, weights.trend))

    def _candidate_scores(
        self,
        kind: str,
        cases: list[ValidationCase],
        parameters: ScoringParameters,
        decay: float | None = None,
    ) -> CandidateScores:
        """Independent of the weights and of the half-life of the trend; the latest of each kind is cached."""
        key = (parameters.steps, parameters.tilt, parameters.half_life, decay or 0.0)
        if kind not in self._candidates or self._candidates[kind][0] != key:
            self._candidates.pop(kind, None)  # frees its memory before the next is built
            queries = self._queries.setdefault((kind, decay or 0.0), _queries(cases, decay or 0.0))
            marked = (
                np.empty(0, np.int64) if decay is None else self._ever_trending(parameters.trend_half_life)
            )
            self._candidates[kind] = key, find_candidates(self.scorer(parameters), queries, marked)
        return self._candidates[kind][1]

    def scorer(self, parameters: ScoringParameters) -> Scorer:
        """The scoring function without the trend, of a fit to the earlier part."""
        if parameters.half_life not in self._counts:
            self._counts[parameters.half_life] = count_covisits(self.data, half_life=parameters.half_life)
        counts = self._counts[parameters.half_life]
        if parameters.steps not in self._vectors:
            # The links of the graph carry no age, so the vectors do not depend on the half-life.
            kept = self.steps_kept | {parameters.steps}
            fits = enumerate(diffusion(self.data.matrix, counts.links, self.dimensions, self.seed), start=1)
            self._vectors = {steps: unit_rows(fit) for steps, fit in islice(fits, max(kept)) if steps in kept}
        boosts = popularity_boosts(self.data.degrees, parameters.tilt)
        return Scorer(self._vectors[parameters.steps], boosts, counts.lists, parameters.covisit_weight)

    def _ever_trending(self, half_life: float) -> Rows:
        """The rows that trend at any half-life that will be tried."""
        trends = [self._trend_of(kept) for kept in {*self.half_lives_kept, half_life}]
        return np.flatnonzero(np.maximum.reduce(trends))

    def _trend(self, half_life: float, weight: float) -> Floats | None:
        return np.float32(weight) * self._trend_of(half_life) if weight else None

    def _trend_of(self, half_life: float) -> Floats:
        """T of every row (n)."""
        if half_life not in self._trends:
            trend = fit_trend(self.data, half_life)
            self._trends[half_life] = np.zeros(self.data.n_vectors, np.float32)
            self._trends[half_life][trend.rows] = trend.weights
        return self._trends[half_life]


def _queries(cases: list[ValidationCase], decay: float) -> Queries:
    return Queries(
        sets=[history_query(case.given, HistoryWeights(decay, 0.0)) for case in cases],
        masked=[case.given for case in cases],
        targets=[case.targets for case in cases],
    )


def hold_out(dataset: Dataset, dimensions: int | None, seed: int) -> ValidationSlice:
    """Split off the latest interactions; bounded, seeded samples of their steps and users."""
    split = split_latest(dataset)
    data = encode(split.earlier)
    rows = data.items.head(data.n_vectors).select("item").with_row_index("row")
    known = (
        split.steps.join(rows.rename({"item": "source", "row": "a"}), on="source")
        .join(rows.rename({"item": "target", "row": "b"}), on="target")
        .sort("user", "place")
    )
    affordable = max(_MIN_SAMPLE, _BUDGET // max(data.n_vectors, 1))
    steps = _sample(known, min(affordable, _MAX_ITEM_STEPS), seed)
    histories = _histories(dataset, rows)
    return ValidationSlice(
        data=data,
        items=[
            ValidationCase(np.array([a], np.int64), np.array(b, np.int64))
            for a, b in steps.group_by("a").agg("b").sort("a").iter_rows()
        ],
        sessions=_sessions(histories, steps.head(min(affordable, _MAX_HISTORIES))),
        users=_users(histories, split.later, min(affordable, _MAX_HISTORIES), seed),
        dimensions=dimensions,
        seed=seed,
        protocol=split.protocol,
    )


def _sample(frame: pl.DataFrame, limit: int, seed: int) -> pl.DataFrame:
    return frame if len(frame) <= limit else frame.sample(limit, seed=seed, shuffle=True)


def _histories(dataset: Dataset, rows: pl.DataFrame) -> pl.LazyFrame:
    """`user`, `row` and `place` of every interaction, in order; of items with a vector only."""
    placed = dataset.pairs.lazy().with_columns(place=pl.int_range(pl.len()).over("user"))
    return placed.join(rows.lazy(), on="item", maintain_order="left").select("user", "row", "place")


def _sessions(histories: pl.LazyFrame, steps: pl.DataFrame) -> list[ValidationCase]:
    """For each step everything that its user interacted with before the target."""
    users = steps.lazy().select("user").unique()
    theirs = histories.join(users, on="user", how="semi", maintain_order="left")
    grouped = theirs.group_by("user").agg("row", places="place").collect()
    lists = steps.select("user", "place", "b").join(grouped, on="user", how="left", maintain_order="left")
    return [
        ValidationCase(np.asarray(rows, np.int64)[np.asarray(places) < place], np.array([target], np.int64))
        for place, target, rows, places in lists.select("place", "b", "row", "places").iter_rows()
    ]


def _users(histories: pl.LazyFrame, later: pl.DataFrame, limit: int, seed: int) -> list[ValidationCase]:
    """Users active before the cut and after it (`later`: `user` and the first `place` behind the cut)."""
    cut = later.lazy().rename({"place": "cut"})
    both = histories.join(cut, on="user", maintain_order="left").with_columns(
        late=pl.col("place") >= pl.col("cut")
    )
    grouped = (
        both.group_by("user")
        .agg(given=pl.col("row").filter(~pl.col("late")), targets=pl.col("row").filter("late"))
        .filter((pl.col("given").list.len() > 0) & (pl.col("targets").list.len() > 0))
        .sort("user")
        .collect()
    )
    return [
        ValidationCase(np.asarray(given, np.int64), np.asarray(targets, np.int64))
        for given, targets in _sample(grouped, limit, seed).select("given", "targets").iter_rows()
    ]
