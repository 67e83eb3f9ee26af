"""The held-out slice of a rebuild, and how well a set of parameters foresees it."""

from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hybrid_recs.generation.manifest import ScoringInfo
from hybrid_recs.generation.scoring import Scorer, history_query
from hybrid_recs.offline.data.encoding import EncodedData, encode
from hybrid_recs.offline.data.interactions import Dataset
from hybrid_recs.offline.data.split import split_latest
from hybrid_recs.offline.training.candidate_scores import CandidateScores, Queries, find_candidates
from hybrid_recs.offline.training.covisitation import CoVisitCounts, count_covisits
from hybrid_recs.offline.training.embeddings import diffusion, popularity_tilt, unit_rows
from hybrid_recs.offline.training.trend import trending
from hybrid_recs.types import Floats, HistoryWeights, Rows

_MAX_ITEMS, _MAX_HISTORIES = 3_000, 1_500
_MIN_SAMPLE = 500
# Queries times items that one look at the slice may cost.
_BUDGET = 200_000_000

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Visit:
    """What a visitor had met, oldest first, and the rows that are to be foreseen."""

    given: Rows
    targets: Rows


@dataclass(slots=True)
class Validation:
    """data: the earlier part. items: an item and what was met right after it, each time; sessions: all that
    came before a step; users: those met on both sides of the cut, with all that they met later.
    steps_kept, half_lives_kept: the numbers of steps of the vector fit and the half-lives of the trend that
    will be asked about: one fit, and one look at all items, serve them all."""

    data: EncodedData
    items: list[Visit]
    sessions: list[Visit]
    users: list[Visit]
    dimensions: int | None
    seed: int
    steps_kept: frozenset[int] = frozenset()
    half_lives_kept: frozenset[float] = frozenset()
    _counts: dict[float, CoVisitCounts] = field(default_factory=dict)
    _vectors: dict[int, Floats] = field(default_factory=dict)
    _trends: dict[float, Floats] = field(default_factory=dict)
    _queries: dict[tuple[str, float], Queries] = field(default_factory=dict)
    _found: dict[str, tuple[tuple[float, ...], CandidateScores]] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """How many steps the items make."""
        return sum(len(visit.targets) for visit in self.items)

    def of_items(self, scoring: ScoringInfo) -> Values:
        """Per step, 1 if the target is among the best 20 after its source."""
        return self._contenders("items", self.items, scoring).hits(scoring.covisit_weight)

    def of_sessions(self, scoring: ScoringInfo) -> Values:
        """Per session, 1 if the target is among the best 20 of what its visitor had not met."""
        found = self._contenders("sessions", self.sessions, scoring, scoring.session_decay)
        return found.hits(scoring.session_weight, self._trend(scoring.trend_half_life, scoring.session_trend))

    def of_users(self, scoring: ScoringInfo) -> Values:
        """Per user, nDCG@20 of what they met later."""
        found = self._contenders("users", self.users, scoring, scoring.user_decay)
        return found.ndcg(scoring.user_weight, self._trend(scoring.trend_half_life, scoring.user_trend))

    def _contenders(
        self, name: str, visits: list[Visit], scoring: ScoringInfo, decay: float | None = None
    ) -> CandidateScores:
        """The same whatever the weights and the half-life of the trend are; the latest of a kind is kept."""
        key = (scoring.steps, scoring.tilt, scoring.half_life, decay or 0.0)
        if name not in self._found or self._found[name][0] != key:
            self._found.pop(name, None)
            queries = self._queries.setdefault((name, decay or 0.0), _queries(visits, decay or 0.0))
            marked = np.empty(0, np.int64) if decay is None else self._ever_trending(scoring.trend_half_life)
            self._found[name] = key, find_candidates(self.scorer(scoring), queries, marked)
        return self._found[name][1]

    def scorer(self, scoring: ScoringInfo) -> Scorer:
        """The scoring function, but for the trend, of a fit to the earlier part."""
        if scoring.half_life not in self._counts:
            self._counts[scoring.half_life] = count_covisits(self.data, half_life=scoring.half_life)
        counts = self._counts[scoring.half_life]
        if scoring.steps not in self._vectors:
            # The links of the graph carry no age, so the vectors do not depend on the half-life.
            wanted = self.steps_kept | {scoring.steps}
            fits = enumerate(diffusion(self.data.matrix, counts.links, self.dimensions, self.seed), start=1)
            self._vectors = {at: unit_rows(fit) for at, fit in islice(fits, max(wanted)) if at in wanted}
        tilt = popularity_tilt(self.data.degrees, scoring.tilt)
        return Scorer(self._vectors[scoring.steps], tilt, counts.lists, scoring.covisit_weight)

    def _ever_trending(self, half_life: float) -> Rows:
        """The rows that trend at any half-life that will be asked about."""
        trends = [self._trend_of(one) for one in {*self.half_lives_kept, half_life}]
        return np.flatnonzero(np.maximum.reduce(trends))

    def _trend(self, half_life: float, weight: float) -> Floats | None:
        return np.float32(weight) * self._trend_of(half_life) if weight else None

    def _trend_of(self, half_life: float) -> Floats:
        """T of every row (n)."""
        if half_life not in self._trends:
            found = trending(self.data, half_life)
            self._trends[half_life] = np.zeros(self.data.n_vectors, np.float32)
            self._trends[half_life][found.rows] = found.weights
        return self._trends[half_life]


def _queries(visits: list[Visit], decay: float) -> Queries:
    return Queries(
        sets=[history_query(visit.given, HistoryWeights(decay, 0.0)) for visit in visits],
        masked=[visit.given for visit in visits],
        targets=[visit.targets for visit in visits],
    )


def hold_out(dataset: Dataset, dimensions: int | None, seed: int) -> Validation:
    """Split off the latest interactions; bounded, seeded samples of the steps and users they make."""
    split = split_latest(dataset)
    data = encode(split.earlier)
    rows = data.items.head(data.n_vectors).select("item").with_row_index("row")
    known = (
        split.steps.join(rows.rename({"item": "source", "row": "a"}), on="source")
        .join(rows.rename({"item": "target", "row": "b"}), on="target")
        .sort("user", "place")
    )
    most = max(_MIN_SAMPLE, _BUDGET // max(data.n_vectors, 1))
    steps = _sample(known, min(most, _MAX_ITEMS), seed)
    met = _histories(dataset, rows)
    return Validation(
        data=data,
        items=[
            Visit(np.array([a], np.int64), np.array(b, np.int64))
            for a, b in steps.group_by("a").agg("b").sort("a").iter_rows()
        ],
        sessions=_sessions(met, steps.head(min(most, _MAX_HISTORIES))),
        users=_users(met, split.later, min(most, _MAX_HISTORIES), seed),
        dimensions=dimensions,
        seed=seed,
    )


def _sample(frame: pl.DataFrame, most: int, seed: int) -> pl.DataFrame:
    return frame if len(frame) <= most else frame.sample(most, seed=seed, shuffle=True)


def _histories(dataset: Dataset, rows: pl.DataFrame) -> pl.LazyFrame:
    """`user`, `row` and `place` of everything that was met, in order; of items with a vector only."""
    placed = dataset.pairs.lazy().with_columns(place=pl.int_range(pl.len()).over("user"))
    return placed.join(rows.lazy(), on="item", maintain_order="left").select("user", "row", "place")


def _sessions(met: pl.LazyFrame, steps: pl.DataFrame) -> list[Visit]:
    """For each step all that its user had met before the target."""
    users = steps.lazy().select("user").unique()
    of = met.join(users, on="user", how="semi", maintain_order="left")
    grouped = of.group_by("user").agg("row", met="place").collect()
    lists = steps.select("user", "place", "b").join(grouped, on="user", how="left", maintain_order="left")
    return [
        Visit(np.asarray(rows, np.int64)[np.asarray(places) < place], np.array([target], np.int64))
        for place, target, rows, places in lists.select("place", "b", "row", "met").iter_rows()
    ]


def _users(met: pl.LazyFrame, later: pl.DataFrame, most: int, seed: int) -> list[Visit]:
    """Users who met something before the cut (`later`: `user` and the first `place` behind it) and after."""
    cut = later.lazy().rename({"place": "cut"})
    both = met.join(cut, on="user", maintain_order="left").with_columns(late=pl.col("place") >= pl.col("cut"))
    grouped = (
        both.group_by("user")
        .agg(given=pl.col("row").filter(~pl.col("late")), targets=pl.col("row").filter("late"))
        .filter((pl.col("given").list.len() > 0) & (pl.col("targets").list.len() > 0))
        .sort("user")
        .collect()
    )
    return [
        Visit(np.asarray(given, np.int64), np.asarray(targets, np.int64))
        for given, targets in _sample(grouped, most, seed).select("given", "targets").iter_rows()
    ]
