"""Item vectors by three steps of spectral diffusion over the co-occurrence graph.

The graph is M = C / ΣC + S / ΣS with C = Aᵀ D_u⁻¹ A (A: users × items, 0/1; D_u: row sums) and S the links
between items that co-occur closely. The vectors come from a few steps of subspace iteration on the normalised
adjacency K = D^-½ M D^-½ without its known top eigenvector √diag(D). The iteration deliberately stops before
it converges: session graphs have hundreds of eigenvalues near 1, and converged vectors tell only which items
are in the same component.
Subspace iteration: Halko, Martinsson, Tropp, "Finding structure with randomness", SIAM Review 2011.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from os import cpu_count

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from hybrid_recs.types import Floats

STEPS = 3
TILT = 0.05
_DIMENSIONS, _FINE_DIMENSIONS, _FINE_UP_TO = 128, 256, 50_000
_BLOCK_BYTES, _BLOCK_ROWS = 2**27, 2**16

Csr = sparse.csr_array


@dataclass(frozen=True, slots=True)
class _Graph:
    """K without its trivial eigenvector, applied to a block of columns; never formed."""

    matrix: "Csr[np.float32]"  # users × items
    transposed: "Csr[np.float32]"
    per_user: Floats
    links: "Csr[np.float32] | None"
    scale_co: float
    scale_links: float
    root: Floats  # D^-½
    trivial: Floats  # v₁

    def apply(self, x: Floats) -> Floats:
        """K x - v₁ v₁ᵀ K x for a block x (n × c)."""
        y = self.root[:, np.newaxis] * x
        by_user = self.matrix @ y
        by_user *= self.per_user[:, np.newaxis]
        z: Floats = self.transposed @ by_user
        del by_user
        z *= np.float32(self.scale_co)
        if self.links is not None:
            linked = self.links @ y
            linked *= np.float32(self.scale_links)
            z += linked
            del linked
        z *= self.root[:, np.newaxis]
        z -= np.outer(self.trivial, self.trivial @ z)
        return z


def fit_vectors(
    matrix: "Csr[np.float32]",
    links: "Csr[np.float32] | None",
    dimensions: int | None,
    seed: int,
    steps: int = STEPS,
) -> Floats:
    """Vectors (n × d, float32), with their norms; the same input gives the same bits."""
    return next(islice(diffusion(matrix, links, dimensions, seed), steps - 1, None))


def diffusion(
    matrix: "Csr[np.float32]", links: "Csr[np.float32] | None", dimensions: int | None, seed: int
) -> Iterator[Floats]:
    """The vectors after one step, after two, and so on, endlessly; d as `dimensions_of` says."""
    n = matrix.shape[1]
    graph = _graph(matrix, links)
    start = (n, dimensions_of(n, dimensions))
    x = np.random.default_rng(seed).standard_normal(start, np.float32)
    while True:
        _apply_in_parallel(graph, x)
        _orthonormalise(x)
        yield x.copy()


def dimensions_of(n: int, dimensions: int | None) -> int:
    """The dimensions of n vectors where `dimensions` are wanted.

    By default 256 up to 50,000 items, where it costs little and gains 0.002 to 0.008 of HR@20, and 128 above.
    At most a quarter of the items: n orthonormal columns of length n would make any two items orthogonal,
    regardless of the data.
    """
    columns = dimensions or (_FINE_DIMENSIONS if n <= _FINE_UP_TO else _DIMENSIONS)
    return min(columns, max(1, n // 4))


def unit_rows(vectors: Floats) -> Floats:
    """Rows scaled to length 1; a zero row stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)


def popularity_boosts(degrees: Floats, power: float = TILT) -> Floats:
    """d^power: the factor of a candidate's cosine; d is its number of users."""
    return np.power(np.maximum(degrees, 1), power, dtype=np.float32)


def _graph(matrix: "Csr[np.float32]", links: "Csr[np.float32] | None") -> _Graph:
    per_item = np.asarray(matrix.sum(axis=0), np.float64)
    per_user = np.asarray(matrix.sum(axis=1), np.float64)
    # The rows of C sum to d_i, so ΣC is the number of pairs and C itself is never needed.
    scale_co = 1 / max(per_item.sum(), 1)
    degree = per_item * scale_co
    scale_links = 0.0
    if links is not None and links.nnz:
        link_degree = np.asarray(links.sum(axis=1), np.float64)
        scale_links = 1 / link_degree.sum()
        degree = degree + link_degree * scale_links
    trivial = np.sqrt(degree)
    trivial /= max(np.linalg.norm(trivial), np.finfo(np.float64).tiny)
    root = 1 / np.sqrt(np.maximum(degree, np.finfo(np.float64).tiny))
    return _Graph(
        matrix=matrix,
        transposed=matrix.T.tocsr(),
        per_user=(1 / np.maximum(per_user, 1)).astype(np.float32),
        links=links if scale_links else None,
        scale_co=scale_co,
        scale_links=scale_links,
        root=root.astype(np.float32),
        trivial=trivial.astype(np.float32),
    )


def _apply_in_parallel(graph: _Graph, x: Floats) -> None:
    """Overwrite x with K x. Columns are split over threads: SciPy's sparse products run on one core and
    release the GIL. The additional memory is a few blocks of columns per thread, of at most 128 MB each."""
    blocks = max(cpu_count() or 1, -(-x.nbytes // _BLOCK_BYTES))
    columns = [part for part in np.array_split(np.arange(x.shape[1]), blocks) if len(part)]

    def apply(part: NDArray[np.int64]) -> None:
        block = x[:, part[0] : part[-1] + 1]
        block[:] = graph.apply(np.ascontiguousarray(block))

    with ThreadPoolExecutor(cpu_count()) as pool:
        list(pool.map(apply, columns))


def _orthonormalise(x: Floats) -> None:
    """Cholesky-QR, twice, in place; Householder QR when the columns are nearly dependent."""
    try:
        for _ in range(2):
            inverse = _cholesky_inverse(x)
            for start in range(0, len(x), _BLOCK_ROWS):
                rows = x[start : start + _BLOCK_ROWS]
                rows[:] = rows @ inverse
    except np.linalg.LinAlgError:
        x[:], _ = np.linalg.qr(x)


def _cholesky_inverse(x: Floats) -> Floats:
    """R⁻¹ of x = Q R."""
    gram = (x.T @ x).astype(np.float64)
    lower = np.linalg.cholesky(gram)
    inverse = linalg.solve_triangular(lower, np.eye(len(lower)), lower=True).T
    return np.ascontiguousarray(inverse, np.float32)
