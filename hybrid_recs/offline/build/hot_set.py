"""Chooses the items whose neighbour lists are precomputed, and estimates their cost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.generation.neighbour_codec import REDIS_OVERHEAD_BYTES
from hybrid_recs.types import Rows

_LIST_BYTES = 8 + 6 * 100


@dataclass(frozen=True, slots=True)
class HotSet:
    """rows: ascending. share: of the interactions, covered by them. bytes: estimated in Redis.

    bound: the setting that kept the set smaller than `hot_share` requires, if one did.
    """

    rows: Rows
    share: float
    bytes: int
    bound: str | None


def choose_hot_set(
    requests: NDArray[np.float64], n_vectors: int, share: float, max_items: int, max_bytes: int
) -> HotSet:
    """The smallest set of items that covers `share` of the expected requests, within both bounds.

    requests: by row (n); only the first `n_vectors` rows can be hot. They are counts of interactions: a
    weight, such as a quantity, tells how much an interaction means, not how often an item is looked at.
    """
    total = float(requests.sum())
    most_first = np.argsort(-requests[:n_vectors], kind="stable")
    covered = np.cumsum(requests[most_first])
    bytes_per_list = _LIST_BYTES + REDIS_OVERHEAD_BYTES
    target = int(np.searchsorted(covered, share * total * (1 - 1e-12))) + 1
    count = min(target, n_vectors, max_items, max_bytes // bytes_per_list)
    bound = None
    if count < min(target, n_vectors):
        bound = "hot_max_items" if count == max_items else "hot_max_mb"
    reached = float(covered[count - 1]) / total if count and total else 0.0
    return HotSet(np.sort(most_first[:count]).astype(np.int64), reached, count * bytes_per_list, bound)
