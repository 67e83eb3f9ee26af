"""A fitted model in memory: what a generation's vectors and co-visits are before they are written."""

from dataclasses import dataclass

from hybrid_recs.errors import DatasetError
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.generation.scoring_parameters import ScoringParameters
from hybrid_recs.generation.trend import Trending
from hybrid_recs.offline.data.encoding import EncodedData
from hybrid_recs.offline.training.covisitation import CoVisitCounts, count_covisits
from hybrid_recs.offline.training.embeddings import fit_vectors, popularity_tilt, unit_rows
from hybrid_recs.offline.training.trend import trending
from hybrid_recs.types import Floats


@dataclass(frozen=True, slots=True)
class Model:
    """A fit: vectors (n × d, with their norms), co-visits, users of each item, what is met lately."""

    vectors: Floats
    counts: CoVisitCounts
    degrees: Floats
    trending: Trending

    def scorer(self, parameters: ScoringParameters) -> Scorer:
        """The scoring function with the given parameters."""
        tilt = popularity_tilt(self.degrees, parameters.tilt)
        lists = self.counts.lists
        return Scorer(unit_rows(self.vectors), tilt, lists, parameters.covisit_weight, self.trending)


def fit(data: EncodedData, dimensions: int | None, seed: int, parameters: ScoringParameters) -> Model:
    """Co-visits and vectors of one dataset; raises DatasetError when no user has two items."""
    return learn(data, count(data, parameters), dimensions, seed, parameters)


def count(data: EncodedData, parameters: ScoringParameters) -> CoVisitCounts:
    """The first half of `fit`: co-visits, by which the vectors are learned then."""
    if data.n_vectors < 2:
        raise DatasetError(
            "no user has two different items, so there is nothing to learn; is the user column the right one?"
        )
    return count_covisits(data, half_life=parameters.half_life)


def learn(
    data: EncodedData, counts: CoVisitCounts, dimensions: int | None, seed: int, parameters: ScoringParameters
) -> Model:
    """The second half of `fit`: vectors."""
    vectors = fit_vectors(data.matrix, counts.links, dimensions, seed, parameters.steps)
    return Model(vectors, counts, data.degrees, trending(data, parameters.trend_half_life))
