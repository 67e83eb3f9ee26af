"""Vectors against the recipe worked out densely, in double precision."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from hybrid_recs.offline.data.dataset import read_dataset
from hybrid_recs.offline.data.encoding import encode
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.offline.training.covisitation import count_covisits
from hybrid_recs.offline.training.embeddings import STEPS, fit_vectors, popularity_boosts, unit_rows
from hybrid_recs.types import Floats
from tests.offline.builders import encoded, random_histories
from tests.planted import world_of

Matrix = NDArray[np.float64]
Csr = sparse.csr_array


def graph_by_hand(met: Matrix, links: Matrix | None) -> tuple[Matrix, Matrix]:
    """K and v₁ of a dense 0/1 matrix (users × items)."""
    graph = met.T @ np.diag(1 / np.maximum(met.sum(axis=1), 1)) @ met
    graph /= graph.sum()
    if links is not None:
        graph = graph + links / links.sum()
    degrees = graph.sum(axis=1)
    trivial = np.sqrt(degrees)
    return graph / np.sqrt(np.outer(degrees, degrees)), trivial / np.linalg.norm(trivial)


def vectors_by_hand(met: Matrix, links: Matrix | None, dimensions: int, seed: int) -> Matrix:
    graph, trivial = graph_by_hand(met, links)
    n = len(graph)
    x = np.random.default_rng(seed).standard_normal((n, min(dimensions, n)), np.float32).astype(np.float64)
    for _ in range(3):
        x = graph @ x
        x, upper = np.linalg.qr(x - np.outer(trivial, trivial @ x))
        x *= np.sign(np.diag(upper))  # as Cholesky-QR, whose R has a positive diagonal
    return x


def sparse_of(matrix: Matrix) -> "Csr[np.float32]":
    return Csr(matrix.astype(np.float32))


def fitted(seed: int, dimensions: int, with_links: bool) -> tuple[Floats, Matrix, Matrix | None]:
    """Vectors of random histories, and the dense input they were fitted to."""
    data, _ = encoded(random_histories(seed, users=400, items=200, longest=10))
    links = count_covisits(data).links if with_links else None
    vectors = fit_vectors(data.matrix, links, dimensions, seed)
    met = data.matrix.toarray().astype(np.float64)
    return vectors, met, None if links is None else links.toarray().astype(np.float64)


@pytest.mark.parametrize("with_links", [True, False])
@pytest.mark.parametrize(("seed", "dimensions"), [(0, 4), (1, 16), (2, 40)])
def test_vectors_are_those_of_the_recipe(seed: int, dimensions: int, with_links: bool) -> None:
    vectors, met, links = fitted(seed, dimensions, with_links)
    expected = vectors_by_hand(met, links, dimensions, seed)
    assert STEPS == 3
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors @ vectors.T, expected @ expected.T, atol=1e-4)
    np.testing.assert_allclose(vectors, expected, atol=1e-4)


@pytest.mark.parametrize("with_links", [True, False])
def test_columns_are_orthonormal_and_free_of_the_trivial_vector(with_links: bool) -> None:
    vectors, met, links = fitted(3, 32, with_links)
    _, trivial = graph_by_hand(met, links)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(32), atol=1e-5)
    assert np.abs(vectors.T @ trivial).max() < 1e-4


def test_the_same_input_gives_the_same_bits() -> None:
    data, _ = encoded(random_histories(5, users=500, items=200, longest=10))
    links = count_covisits(data).links
    first, repeated = (fit_vectors(data.matrix, links, 64, 20) for _ in range(2))
    assert first.tobytes() == repeated.tobytes()
    assert fit_vectors(data.matrix, links, 64, 21).tobytes() != first.tobytes()


@pytest.mark.parametrize("per_world", [4, 8, 12])
def test_a_small_catalogue_is_told_apart_too(per_world: int) -> None:
    """Eight worlds of a few items: with as many dimensions as items every two would be orthogonal."""
    rng = np.random.default_rng(4)
    met = np.zeros((480, 8 * per_world))
    for user in range(480):
        met[user, (user % 8) * per_world + rng.choice(per_world, 4, replace=False)] = 1
    cosines = unit_rows(fit_vectors(sparse_of(met), None, 128, 20))
    cosines = cosines @ cosines.T
    np.fill_diagonal(cosines, -2)
    nearest = np.argsort(-cosines, axis=1)[:, :3] // per_world
    assert (nearest == np.arange(8 * per_world)[:, np.newaxis] // per_world).mean() > 0.95


@pytest.mark.parametrize(
    "met",
    [
        [[1, 1]],
        [[1, 1, 0, 0], [0, 0, 1, 1]],
        [[1, 1, 1], [1, 0, 1]],
        [[1, 1, 0], [0, 1, 1], [0, 0, 0]],
    ],
)
def test_fewer_items_than_dimensions(met: list[list[float]]) -> None:
    matrix = sparse_of(np.array(met))
    n = matrix.shape[1]
    vectors = fit_vectors(matrix, None, 128, 20)
    assert vectors.shape[0] == n
    assert vectors.shape[1] <= n
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(vectors.shape[1]), atol=1e-5)


def test_worlds_that_never_meet_and_an_isolated_pair() -> None:
    rng = np.random.default_rng(1)
    met = np.zeros((121, 62))
    for world in range(2):
        for user in range(60):
            met[60 * world + user, 30 * world + rng.choice(30, 6, replace=False)] = 1
    met[120, 60:] = 1
    vectors = fit_vectors(sparse_of(met), None, 8, 20)
    expected = vectors_by_hand(met, None, 8, 20)
    np.testing.assert_allclose(vectors @ vectors.T, expected @ expected.T, atol=1e-4)
    cosines = unit_rows(vectors) @ unit_rows(vectors).T
    assert cosines[60, 61] == pytest.approx(1, abs=1e-5)
    np.fill_diagonal(cosines, -2)
    nearest = cosines.argmax(axis=1)
    assert np.array_equal(nearest[:30] // 30, np.zeros(30))
    assert np.array_equal(nearest[30:60] // 30, np.ones(30))


def test_nearest_neighbours_are_of_the_same_planted_world(planted: Path) -> None:
    data = encode(read_dataset(DatasetConfig.load(planted), 5_000))
    world = np.array([world_of(item) for item in data.items["item"].head(data.n_vectors)])
    rows = unit_rows(fit_vectors(data.matrix, count_covisits(data).links, 16, 20))
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -2)
    nearest = np.argsort(-cosines, axis=1)[:, :10]
    # At random it would be one in eight.
    assert (world[nearest] == world[:, np.newaxis]).mean() > 0.95


def test_unit_rows() -> None:
    rows = unit_rows(np.array([[3, 4], [0, 0], [0, -2], [1e-12, 0]], np.float32))
    expected = np.array([[0.6, 0.8], [0, 0], [0, -1], [1, 0]])
    np.testing.assert_allclose(rows, expected, rtol=1e-6)
    assert rows.dtype == np.float32
    assert rows.flags.c_contiguous


def test_popularity_boosts() -> None:
    boosts = popularity_boosts(np.array([0, 1, 2**20, 1e4], np.float32))
    np.testing.assert_allclose(boosts, [1, 1, 2, 1e4**0.05], rtol=1e-6)
    assert boosts.dtype == np.float32
    np.testing.assert_allclose(popularity_boosts(np.array([9.0], np.float32), 0.5), [3])
