"""A fitted model in memory: what a generation's vectors and co-visits are before they are written."""

from dataclasses import dataclass

from hybrid_recs.errors import DatasetError
from hybrid_recs.manifest import ScoringInfo
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

    def scorer(self, scoring: ScoringInfo) -> Scorer:
        """The scoring function with the given parameters."""
        tilt = popularity_tilt(self.degrees, scoring.tilt)
        return Scorer(unit_rows(self.vectors), tilt, self.counts.lists, scoring.covisit_weight)


def fit(data: Encoded, dimensions: int | None, seed: int, scoring: ScoringInfo) -> Model:
    """Co-visits and vectors of one dataset; raises DatasetError when no user has two items."""
    if data.n_vectors < 2:
        raise DatasetError(
            "no user has two different items, so there is nothing to learn; is the user column the right one?"
        )
    counts = count_covisits(data, half_life=scoring.half_life)
    return Model(
        fit_vectors(data.matrix, counts.links, dimensions, seed, scoring.steps), counts, data.degrees
    )
