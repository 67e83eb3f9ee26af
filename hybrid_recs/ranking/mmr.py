"""Chooses k items of a ranked pool by diversity, and limits how many places a category takes."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from hybrid_recs.types import Floats, Neighbours


def mmr_rerank(
    pool: Neighbours,
    vectors: Floats,
    categories_of: Callable[[int], Sequence[str]],
    k: int,
    diversity: float,
    max_per_category: int | None,
) -> Neighbours:
    """At most k items of the pool, by maximal marginal relevance. The next item is the one with the largest

        (1 - diversity) · relevance - diversity · (largest cosine with an item chosen before)

    where relevance is the score over the pool's largest. No category takes more than `max_per_category`
    places (None: no limit); items without a category are not limited. diversity 0 keeps the order. vectors:
    unit vectors (pool × d), zero where there is none. Scores are unchanged.

    Carbonell & Goldstein, "The Use of MMR, Diversity-Based Reranking", SIGIR 1998.
    """
    relevance = pool.scores / max(float(pool.scores.max(initial=0.0)), 1e-9)
    similarity = np.zeros(len(pool), np.float32)
    remaining = np.ones(len(pool), bool)
    places: Counter[str] = Counter()
    chosen: list[int] = []
    while len(chosen) < k and remaining.any():
        gain = (1 - diversity) * relevance - diversity * similarity
        best = int(np.where(remaining, gain, -np.inf).argmax())
        remaining[best] = False
        categories = categories_of(int(pool.rows[best])) if max_per_category else ()
        if max_per_category and any(places[name] >= max_per_category for name in categories):
            continue
        places.update(categories)
        chosen.append(best)
        if diversity:
            similarity = np.maximum(similarity, vectors @ vectors[best])
    return Neighbours(pool.rows[chosen], pool.scores[chosen])
