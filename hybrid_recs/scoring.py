"""The one scoring function: precomputed lists and live answers both come from `Scorer.rank`.

score(i → j) = cos(V_i, V_j) · tilt_j + weight · R_ij, where tilt_j grows slowly with j's popularity and
R_ij in [0, 1] is the co-visit weight.
"""

from dataclasses import dataclass

import numpy as np

from hybrid_recs.covisits import CoVisits
from hybrid_recs.types import Floats, Neighbours, Rows


@dataclass(frozen=True, slots=True)
class Scorer:
    """What the score is made of: unit vectors (n × d), tilt (n), co-visits of n rows, their weight."""

    vectors: Floats
    tilt: Floats
    covisits: CoVisits
    weight: float

    def query(self, row: int) -> Floats:
        """The unit vector (d) that a row searches the index with."""
        query: Floats = self.vectors[row]
        return query

    def rank(self, row: int, candidates: Rows, k: int, excluded: frozenset[int] = frozenset()) -> Neighbours:
        """The best `k` of `candidates` and the row's co-visits, never the row itself or an excluded one.

        Co-visit weights are never negative, so an item outside the co-visit list can only be in the best
        k if it is in the best k by cosine · tilt: with the k + 1 + len(excluded) best of those as
        candidates the result equals that of scoring every item. Ties go to the lower row.
        """
        linked, weights = self.covisits.of(row)
        rows = np.unique(np.concatenate((candidates, linked)))
        # einsum sums each row by itself: a score does not depend on what else is scored, as it would
        # in a blocked matrix product.
        scores = np.einsum("ij,j->i", self.vectors[rows], self.vectors[row]) * self.tilt[rows]
        scores[np.searchsorted(rows, linked)] += np.float32(self.weight) * weights
        keep = rows != row
        if excluded:
            keep &= ~np.isin(rows, np.fromiter(excluded, np.int64, len(excluded)))
        rows, scores = rows[keep], scores[keep]
        best = np.argsort(-scores, kind="stable")[:k]
        # Half precision, as in a packed list, so that a live answer cannot be told from a cached one.
        return Neighbours(rows[best], scores[best].astype(np.float16).astype(np.float32))
