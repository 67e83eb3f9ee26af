"""The recommender as the service uses it, and its parts alone, as methods to evaluate."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hybrid_recs.generation.covisits import CoVisits
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.manifest import DatasetInfo
from hybrid_recs.generation.scoring import Scorer, history_query
from hybrid_recs.generation.scoring_parameters import ScoringParameters
from hybrid_recs.generation.trend import Trend
from hybrid_recs.offline.build import writer
from hybrid_recs.offline.build.hot_set import choose_hot_set
from hybrid_recs.offline.build.options import BuildOptions
from hybrid_recs.offline.data.dataset import Dataset
from hybrid_recs.offline.data.encoding import EncodedData
from hybrid_recs.offline.evaluation.method import MethodKind
from hybrid_recs.offline.training.content_vectors import add_content_vectors
from hybrid_recs.offline.training.model import fit
from hybrid_recs.offline.training.tuning import choose_scoring
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import Floats, HistoryWeights, Outcome, Rows


@dataclass(frozen=True, slots=True)
class ServedMethod:
    """The recommender object that the service uses, with its hot lists and its FAISS index."""

    recommender: Recommender
    name: str = "hybrid-recs"
    kind: MethodKind = MethodKind.SERVED

    def from_item(self, row: int, k: int) -> Rows:
        """From the item's precomputed list when it is hot, else by live search."""
        cached = self.recommender.generation.hot.neighbours(row) or Outcome.TAIL
        return self.recommender.answer(ItemQuery(row, k), cached).neighbours.rows

    def from_session(self, rows: Rows, k: int) -> Rows:
        return self.recommender.answer_session(rows, k).neighbours.rows

    def from_user(self, rows: Rows, k: int) -> Rows:
        return self.recommender.answer_user(rows, k).neighbours.rows


@dataclass(frozen=True, slots=True)
class ExactSearchMethod:
    """`Scorer` with every item as a candidate: the served score without an index, or a part of it."""

    scorer: Scorer
    parameters: ScoringParameters
    name: str
    kind: MethodKind = MethodKind.PART

    def from_item(self, row: int, k: int) -> Rows:
        return self.scorer.score_item(row, self._candidates(self.scorer.vectors[row], k + 1), k).rows

    def from_session(self, rows: Rows, k: int) -> Rows:
        return self._from_history(rows, k, self.parameters.session)

    def from_user(self, rows: Rows, k: int) -> Rows:
        return self._from_history(rows, k, self.parameters.user)

    def _from_history(self, rows: Rows, k: int, weights: HistoryWeights) -> Rows:
        seen = frozenset(rows.tolist()) if weights.repeat is None else frozenset()
        items = history_query(rows, weights)
        candidates = self._candidates(self.scorer.query_vector(items), k + len(items.rows) + len(seen))
        return self.scorer.score_query(items, candidates, k, seen).rows

    def _candidates(self, query: Floats, k: int) -> Rows:
        """The k nearest of all items."""
        if not self.scorer.vectors.any():
            return np.empty(0, np.int64)  # co-visit lists only: the vectors are blank
        near = self.scorer.near_all(query)
        best: Rows = np.argpartition(-near, min(k, len(near) - 1))[:k]
        return best


def fit_served_method(
    dataset: Dataset, data: EncodedData, options: BuildOptions, folder: Path
) -> ServedMethod:
    """Tune, fit, write and open a generation in `folder`, as a rebuild does; it is not published."""
    scoring = choose_scoring(dataset, options.dimensions, options.seed, options.pinned)
    parameters = scoring.parameters
    scorer = fit(data, options.dimensions, options.seed, parameters).scorer(parameters)
    model = add_content_vectors(data, scorer, options.seed)
    writer.write_items(folder, model)
    index = writer.write_model(folder, model, options)
    hot = choose_hot_set(
        model.data.requests,
        model.data.n_vectors,
        options.hot_share,
        options.hot_max_items,
        options.hot_max_bytes,
    )
    writer.write_hot_lists(folder, model.scorer, index, hot, model.data.unlisted)
    source = DatasetInfo(name=dataset.name, fingerprint="", account={})
    manifest = writer.describe("evaluation", None, source, model, index, scoring, hot, options)
    return ServedMethod(Recommender(Generation.open(folder, manifest)))


def parts_of(served: ServedMethod) -> list[ExactSearchMethod]:
    """The same score by exact search, its vectors alone, and its co-visit lists alone."""
    generation = served.recommender.generation
    scorer, parameters = generation.scorer, generation.manifest.scoring.parameters
    n = len(scorer.vectors)
    no_lists = CoVisits(np.zeros(n + 1, np.int64), np.empty(0, np.uint32), np.empty(0, np.float32))
    no_vectors = np.zeros((n, 1), np.float32)
    no_trend = Trend.empty()
    vectors_only = replace(scorer, covisits=no_lists, trend=no_trend)
    lists_only = replace(scorer, vectors=no_vectors, covisit_weight=1.0, trend=no_trend)
    return [
        ExactSearchMethod(scorer, parameters, "its exact search"),
        ExactSearchMethod(vectors_only, parameters, "its vectors only"),
        ExactSearchMethod(lists_only, parameters, "its lists only"),
    ]
