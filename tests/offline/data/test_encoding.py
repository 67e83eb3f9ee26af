"""Rows of items, and the matrix of users and items."""

import numpy as np

from hybrid_recs.offline.data.encoding import encode
from tests.offline.builders import dataset_of, encoded, item_name, random_histories

A, B, C, D, E, F = range(6)


def test_rows_and_matrix_by_hand() -> None:
    histories = [[A, B], [B, C], [D], [E], [C, A], [E]]
    weights: list[list[float]] = [[1, 1], [4, 0.5], [1], [30], [0.5, 0], [30]]
    data = encode(dataset_of(histories, weights=weights, items=[item_name(F), item_name(B)]))
    # Popular first among items that share a user with another one, ties by id; then the rest likewise.
    assert data.items["item"].to_list() == [item_name(item) for item in (B, A, C, E, D, F)]
    assert data.popularity.tolist() == [5, 1, 1, 60, 1, 0]
    assert data.n_vectors == 3
    assert data.matrix.toarray().tolist() == [
        [1, 1, 0],
        [1, 0, 1],
        [0, 0, 0],
        [0, 0, 0],
        [0, 1, 1],
        [0, 0, 0],
    ]
    assert data.degrees.tolist() == [2, 2, 2]
    assert data.pairs.rows() == [
        (0, 1, None), (0, 0, None), (1, 0, None), (1, 2, None), (4, 2, None), (4, 1, None)
    ]  # fmt: skip


def test_popularity_counts_lone_interactions_of_linked_items() -> None:
    data = encode(dataset_of([[A, B], [A], [A], [B]]))
    assert data.items.select("item", "popularity").rows() == [(item_name(A), 3.0), (item_name(B), 2.0)]
    assert data.matrix.toarray().tolist() == [[1, 1], [1, 0], [1, 0], [0, 1]]


def test_ties_go_by_id() -> None:
    data = encode(dataset_of([[D, B], [C, A], [F], [E]]))
    assert data.items["item"].to_list() == [item_name(item) for item in (A, B, C, D, E, F)]
    assert data.n_vectors == 4


def test_titles_and_categories_stay_with_their_item() -> None:
    dataset = dataset_of([[A, B], [B, C]], items=[item_name(item) for item in range(6)])
    titled = dataset.items.with_columns(title="item", categories=dataset.items["item"].reshape((-1, 1)))
    titled = titled.with_columns(titled["categories"].arr.to_list())
    data = encode(type(dataset)("made", dataset.pairs, titled, dataset.stats, False, True))
    assert data.items["title"].to_list() == data.items["item"].to_list()
    assert data.items["categories"].to_list() == [[item] for item in data.items["item"]]


def test_random_histories_against_counts() -> None:
    histories = random_histories(seed=5, users=200, items=60, longest=6)
    times = [[float(index) for index in range(len(history))] for history in histories]
    data, rows = encoded(histories, times=times)
    expected = np.zeros((200, data.n_vectors))
    for user, history in enumerate(rows):
        expected[user, history] = 1
    np.testing.assert_array_equal(data.matrix.toarray(), expected)
    met = data.pairs.group_by("user", maintain_order=True).agg("item", "time")
    of_user = {user: (items, times) for user, items, times in met.rows()}
    for user, history in enumerate(rows):
        assert of_user.get(user, ([], []))[0] == history  # order within a history is kept
    linked = {item for history in histories if len(history) > 1 for item in history}
    assert data.n_vectors == len(linked)
    popularity = data.popularity[: data.n_vectors]
    assert np.all(np.diff(popularity) <= 0)
