"""A fitted model in memory: what a generation's vectors and co-visits are before they are written."""

from dataclasses import dataclass

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.covisitation import CoVisitCounts, count_covisits
from hybrid_recs.offline.embeddings import fit_vectors, popularity_tilt, unit_rows
from hybrid_recs.offline.matrix import Encoded
from hybrid_recs.scoring import Scorer
from hybrid_recs.types import Floats


@dataclass(frozen=True, slots=True)
class Model:
    """A fit: vectors (n × d, with their norms) and co-visits."""

    vectors: Floats
    counts: CoVisitCounts
    degrees: Floats

    def scorer(self, weight: float) -> Scorer:
        """The scoring function with one weight of co-visits."""
        return Scorer(unit_rows(self.vectors), popularity_tilt(self.degrees), self.counts.lists, weight)


def fit(data: Encoded, dimensions: int, seed: int) -> Model:
    """Co-visits and vectors of one dataset; raises DatasetError when no user has two items."""
    if data.n_vectors < 2:
        raise DatasetError(
            "no user has two different items, so there is nothing to learn; is the user column the right one?"
        )
    counts = count_covisits(data)
    return Model(fit_vectors(data.matrix, counts.links, dimensions, seed), counts, data.degrees)
