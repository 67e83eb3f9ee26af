"""A fitted model in memory, before it is written as a generation."""

from dataclasses import dataclass

from hybrid_recs.errors import DatasetError
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.generation.scoring_parameters import ScoringParameters
from hybrid_recs.generation.trend import Trend
from hybrid_recs.offline.data.encoding import EncodedData
from hybrid_recs.offline.training.covisitation import CoVisitCounts, count_covisits
from hybrid_recs.offline.training.embeddings import fit_vectors, popularity_boosts, unit_rows
from hybrid_recs.offline.training.trend import fit_trend
from hybrid_recs.types import Floats


@dataclass(frozen=True, slots=True)
class Model:
    """Vectors (n × d, with their norms), co-visits, users of each item, and the trend."""

    vectors: Floats
    counts: CoVisitCounts
    degrees: Floats
    trend: Trend

    def scorer(self, parameters: ScoringParameters) -> Scorer:
        """The scoring function with the given parameters."""
        boosts = popularity_boosts(self.degrees, parameters.tilt)
        lists = self.counts.lists
        return Scorer(unit_rows(self.vectors), boosts, lists, parameters.covisit_weight, self.trend)


def fit(data: EncodedData, dimensions: int | None, seed: int, parameters: ScoringParameters) -> Model:
    """Co-visits, vectors and trend of one dataset; raises DatasetError when no user has two items."""
    return fit_with_covisits(data, fit_covisits(data, parameters), dimensions, seed, parameters)


def fit_covisits(data: EncodedData, parameters: ScoringParameters) -> CoVisitCounts:
    """The first half of `fit`."""
    if data.n_vectors < 2:
        raise DatasetError(
            "no user has two different items, so there is nothing to learn; is the user column the right one?"
        )
    return count_covisits(data, half_life=parameters.half_life)


def fit_with_covisits(
    data: EncodedData, counts: CoVisitCounts, dimensions: int | None, seed: int, parameters: ScoringParameters
) -> Model:
    """The second half of `fit`, which learns the vectors from the co-visits."""
    vectors = fit_vectors(data.matrix, counts.links, dimensions, seed, parameters.steps)
    return Model(vectors, counts, data.degrees, fit_trend(data, parameters.trend_half_life))
