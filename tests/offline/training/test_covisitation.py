"""Links and lists against a count over all positions, one by one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hybrid_recs.offline.training.covisitation import HALF_LIFE, LIST_LENGTH, count_covisits
from tests.offline.builders import Histories, dense, encoded, random_histories

Matrix = NDArray[np.float64]


def links_by_hand(histories: Histories, n: int, worth: list[list[float]] | None = None) -> Matrix:
    """S over positions; `worth`: of each position, that of the later one counts for a pair."""
    links = np.zeros((n, n))
    for user, history in enumerate(histories):
        for q, later in enumerate(history):
            for p in range(max(0, q - 5), q):
                weight = (worth[user][q] if worth else 1.0) / (q - p)
                links[history[p], later] += weight
                links[later, history[p]] += weight
    return links


def scaled(matrix: Matrix) -> Matrix:
    return np.asarray(matrix / np.maximum(matrix.max(axis=1, keepdims=True), 1e-300))


def assert_lists(actual: Matrix, every: Matrix, length: int) -> None:
    """`actual` holds the `length` heaviest of each row of `every`, scaled to 1 at the heaviest."""
    targets = scaled(every)
    listed = actual > 0
    np.testing.assert_array_equal(listed.sum(axis=1), np.minimum((every > 0).sum(axis=1), length))
    np.testing.assert_allclose(actual[listed], targets[listed], rtol=1e-5)
    for weights, is_listed in zip(targets, listed, strict=True):
        if is_listed.any():
            assert weights[is_listed].min() >= weights[~is_listed].max() * (1 - 1e-5)


def test_links_of_two_short_histories() -> None:
    data, ((a, b, c), _) = encoded([[0, 1, 2], [1, 0]])
    links = count_covisits(data).links
    assert links is not None
    actual = links.toarray()
    assert actual[a, b] == actual[b, a] == 2
    assert actual[b, c] == actual[c, b] == 1
    assert actual[a, c] == actual[c, a] == 0.5
    assert np.diag(actual).tolist() == [0, 0, 0]


def test_the_window_ends_after_five_places_and_at_the_end_of_a_history() -> None:
    data, (first, second) = encoded([list(range(8)), [8, 9]])
    links = count_covisits(data).links
    assert links is not None
    actual = links.toarray()
    assert actual[first[0], first[5]] == np.float32(0.2)
    assert actual[first[0], first[6]] == 0
    assert actual[np.ix_(first, second)].sum() == 0


@pytest.mark.parametrize("seed", range(5))
def test_links_against_the_count_by_hand(seed: int) -> None:
    data, rows = encoded(random_histories(seed, users=300, items=80, longest=15))
    links = count_covisits(data).links
    assert links is not None
    expected = links_by_hand(rows, data.n_vectors)
    np.testing.assert_allclose(links.toarray(), expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("length", [LIST_LENGTH, 5])
def test_lists_weigh_recent_pairs_more(seed: int, length: int) -> None:
    histories = random_histories(seed, users=400, items=90, longest=14)
    rng = np.random.default_rng(seed)
    times = [np.sort(rng.uniform(1e9, 1e9 + 3e7, len(history))).tolist() for history in histories]
    data, rows = encoded(histories, times=times)
    # Only pairs that have a vector span the time.
    spanned = [time for one, history in zip(times, rows, strict=True) for time in one if history]
    first, last = min(spanned), max(spanned)
    worth = [[0.5 ** ((last - time) / (HALF_LIFE * (last - first))) for time in one] for one in times]
    by_hand = [one for one, history in zip(worth, rows, strict=True) if len(one) == len(history)]
    whole = [history for one, history in zip(worth, rows, strict=True) if len(one) == len(history)]
    every = links_by_hand(whole, data.n_vectors, by_hand)
    assert (every > 0).sum(axis=1).max() > LIST_LENGTH
    counted = count_covisits(data, length)
    assert_lists(dense(counted.lists), every, length)
    assert counted.links is not None  # the links of the graph do not age
    np.testing.assert_allclose(counted.links.toarray(), links_by_hand(rows, data.n_vectors), rtol=1e-5)


def test_a_pair_at_the_start_counts_a_sixteenth_of_one_at_the_end() -> None:
    data, ((a, b), (_, c), _) = encoded([[0, 1], [0, 2], [3, 4]], times=[[0, 0], [100, 100], [50, 50]])
    lists = dense(count_covisits(data).lists)
    assert HALF_LIFE == 0.25
    assert lists[a, c] == 1
    assert lists[a, b] == pytest.approx(1 / 16)
    assert lists[b, a] == lists[c, a] == 1


def test_lists_without_times_are_the_scaled_links() -> None:
    data, rows = encoded(random_histories(7, users=400, items=90, longest=14))
    assert_lists(dense(count_covisits(data).lists), links_by_hand(rows, data.n_vectors), LIST_LENGTH)


@pytest.mark.parametrize("length", [LIST_LENGTH, 7])
def test_without_an_order_lists_come_from_shared_users(length: int) -> None:
    data, _ = encoded(random_histories(4, users=400, items=90, longest=14), ordered=False)
    counted = count_covisits(data, length)
    assert counted.links is None
    met = data.matrix.toarray().astype(np.float64)
    shared = met.T @ np.diag(1 / np.maximum(met.sum(axis=1), 1)) @ met
    np.fill_diagonal(shared, 0)
    assert (shared > 0).sum(axis=1).max() > LIST_LENGTH
    assert_lists(dense(counted.lists), shared, length)


@pytest.mark.parametrize("ordered", [True, False])
def test_each_list_is_heaviest_first_and_ties_go_to_the_lower_row(ordered: bool) -> None:
    data, rows = encoded([[0, index] for index in range(1, 8)] + [[0, 5]], ordered=ordered)
    lists = count_covisits(data).lists
    hub, favourite = rows[0][0], rows[-1][1]
    actual, weights = lists.neighbours_of(hub)
    others = [row for row in range(8) if row not in (hub, favourite)]
    assert actual.tolist() == [favourite, *others]
    np.testing.assert_allclose(weights, [1, *[0.5] * 6])
    short, _ = count_covisits(data, 3).lists.neighbours_of(hub)
    assert short.tolist() == [favourite, *others[:2]]


def test_the_size_of_a_part_changes_nothing() -> None:
    histories = random_histories(8, users=500, items=120, longest=20)
    rng = np.random.default_rng(8)
    times = [np.sort(rng.uniform(1e9, 1e9 + 3e7, len(history))).tolist() for history in histories]
    data, rows = encoded(histories, times=times)
    whole = count_covisits(data)
    assert whole.links is not None
    # One range of all rows, ranges of several rows, and each row by itself.
    for part_pairs in (10**9, 5_000, 700, 1):
        parts = count_covisits(data, part_pairs=part_pairs)
        assert parts.links is not None
        for name in ("indptr", "indices", "data"):
            np.testing.assert_array_equal(getattr(parts.links, name), getattr(whole.links, name))
        for name in ("indptr", "rows", "weights"):
            actual, targets = getattr(parts.lists, name), getattr(whole.lists, name)
            assert actual.dtype == targets.dtype
            np.testing.assert_array_equal(actual, targets)
    np.testing.assert_array_equal(whole.links.toarray(), whole.links.toarray().T)
    sixtieths = np.rint(links_by_hand(rows, data.n_vectors) * 60)
    np.testing.assert_array_equal(whole.links.toarray(), (sixtieths / 60).astype(np.float32))
