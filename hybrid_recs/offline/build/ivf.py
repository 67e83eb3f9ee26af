"""An inverted-file index: lists of about 64 items around centroids; a search reads the nearest lists.

Spectral vectors of large catalogues fall into thousands of nearly orthogonal groups. A graph over the items
(HNSW) has no path between the groups; the centroids are few enough for a graph.
"""

from typing import Any

import faiss
import numpy as np

from hybrid_recs.types import Floats

LIST_LENGTH = 64
_MAX_LISTS = 16_384
_SAMPLES_PER_LIST, _ITERATIONS = 24, 8
_LINKS, _LINK_EFFORT, _ASSIGN_EFFORT = 32, 80, 32

# The type stubs of FAISS lack what SWIG generates at run time.
_faiss: Any = faiss


def build_ivf(items: Floats, seed: int) -> Any:
    """The FAISS index of `items` (n × d) by inner product; the same input gives the same lists."""
    centres = _centres(items, min(max(1, len(items) // LIST_LENGTH), _MAX_LISTS), seed)
    nearest_lists = _faiss.IndexHNSWFlat(items.shape[1], _LINKS, faiss.METRIC_INNER_PRODUCT)
    nearest_lists.hnsw.efConstruction = _LINK_EFFORT
    nearest_lists.hnsw.efSearch = _ASSIGN_EFFORT
    nearest_lists.add(centres)
    index = _faiss.IndexIVFFlat(nearest_lists, items.shape[1], len(centres), faiss.METRIC_INNER_PRODUCT)
    index.is_trained = True
    index.add(items)
    return index


def _centres(items: Floats, count: int, seed: int) -> Floats:
    """About `count` unit vectors by k-means in two levels: √count groups, then centroids within each.

    Only the direction decides which list an item is in, so that popular items do not attract others.
    """
    rng = np.random.default_rng(seed)
    sampled = np.sort(rng.choice(len(items), min(len(items), count * _SAMPLES_PER_LIST), replace=False))
    sample = items[sampled]
    sample /= np.maximum(np.linalg.norm(sample, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    groups = _k_means(sample, max(1, round(count**0.5)), seed)
    _, nearest = faiss.knn(sample, groups, 1, metric=faiss.METRIC_INNER_PRODUCT)
    parts = (sample[nearest[:, 0] == group] for group in range(len(groups)))
    return np.concatenate(
        [_k_means(part, max(1, round(count * len(part) / len(sample))), seed) for part in parts if len(part)]
    )


def _k_means(points: Floats, count: int, seed: int) -> Floats:
    """min(count, points) unit vectors (c × d)."""
    if count >= len(points):
        return points
    clustering = _faiss.Kmeans(
        points.shape[1],
        count,
        niter=_ITERATIONS,
        spherical=True,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=_SAMPLES_PER_LIST * 4,
    )
    clustering.train(np.ascontiguousarray(points))
    centres: Floats = clustering.centroids
    return centres
