"""Held-out items to choose the settings of baselines on: the last item of some training users."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from hybrid_recs.offline.data.encoding import EncodedData
from hybrid_recs.offline.training.embeddings import unit_rows
from hybrid_recs.types import Floats, Rows

_USERS = 2_000
_K = 20
_QUERIES_AT_ONCE = 256

Csr = sparse.csr_array


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Training data (users × items) without the last item of some users, which is their target.

    sources: the item before the target.
    """

    matrix: "Csr[np.float32]"
    users: Rows
    sources: Rows
    targets: Rows

    def item_hit_rate(self, vectors: Floats) -> float:
        """HR@20 of the target by cosine with the item before it; vectors: n × f."""
        unit = unit_rows(vectors)
        n = len(self.sources)
        masked = sparse.csr_array(
            (np.ones(n, np.float32), (np.arange(n), self.sources)), shape=(n, self.matrix.shape[1])
        )
        return self._hit_rate(unit[self.sources], unit, masked)

    def user_hit_rate(self, items: Floats, user_factor: Callable[[Rows], Floats]) -> float:
        """HR@20 (= Recall@20 of one target) among the items that are not in the user's history.

        Scores are products of item factors (n × f) with the factor (f) that `user_factor` gives for a
        history.
        """
        if not len(self.users):
            return 0.0
        histories = self.matrix[self.users]
        parts = np.split(histories.indices.astype(np.int64), histories.indptr[1:-1])
        return self._hit_rate(np.stack([user_factor(part) for part in parts]), items, histories)

    def _hit_rate(self, queries: Floats, vectors: Floats, masked: "Csr[np.float32]") -> float:
        """Rows that tie with the target rank above it."""
        hits = 0
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            block = slice(start, start + _QUERIES_AT_ONCE)
            scores = queries[block] @ vectors.T
            scores[masked[block].nonzero()] = -np.inf
            bound = scores[np.arange(len(scores)), self.targets[block]]
            hits += int(np.sum((scores >= bound[:, np.newaxis]).sum(axis=1) <= _K))
        return hits / max(len(queries), 1)


def hold_out(data: EncodedData, seed: int) -> HeldOut:
    """Hold out the last item of up to 2,000 users who have at least two."""
    users, items = (data.pairs[name].to_numpy().astype(np.int64) for name in ("user", "item"))
    same = users[1:] == users[:-1]
    last = np.flatnonzero(np.append(~same, True) & np.insert(same, 0, False))
    chosen = np.random.default_rng(seed).permutation(last)[:_USERS]
    keep = np.ones(len(users), np.bool_)
    keep[chosen] = False
    ones = np.ones(int(keep.sum()), np.float32)
    matrix = sparse.csr_array((ones, (users[keep], items[keep])), shape=data.matrix.shape)
    return HeldOut(matrix, users[chosen], items[chosen - 1], items[chosen])
