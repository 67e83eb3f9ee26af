"""hidden_item: the last response with a hidden item, and the items to hide."""

import numpy as np
import pytest

from benchmarks.hidden_item import Hiding, in_most_lists, last_seen
from benchmarks.load.exchanges import Exchanges
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.neighbour_codec import decode_neighbours
from tests.planted import item_id


def test_last_response_with_the_item_after_its_delete() -> None:
    with_item, without_item = (
        b'[{"item_id":"a","score":1.0}]',
        b'{"item_id":"a","items":[{"item_id":"ab","score":1.0}]}',
    )
    bodies = [with_item, with_item, without_item, with_item, without_item]
    done = np.array([1.0, 2.0, 2.1, 2.25, 3.0])
    exchanges = Exchanges(np.zeros(5, np.int64), done - 0.1, done, np.full(5, 200), bodies)
    count, milliseconds = last_seen(exchanges, Hiding("a", 2.05, 2.06))
    assert count == 2
    assert milliseconds == pytest.approx(200)
    assert last_seen(exchanges, Hiding("a", 2.5, 2.6)) == (3, 0.0)


def test_items_in_most_lists_and_the_rows_that_have_them(generation: Generation) -> None:
    victims, hot = in_most_lists(generation, 3)
    heads = {row: _head(generation, row) for row in generation.hot.rows.tolist()}
    counts = {item: sum(item in head for head in heads.values()) for head in heads.values() for item in head}
    assert [counts[item] for item in victims] == sorted(counts.values(), reverse=True)[:3]
    assert set(hot) == {row for row, head in heads.items() if head & set(victims)}
    assert item_id(0, 0) in counts


def _head(generation: Generation, row: int) -> set[str]:
    encoded = generation.hot.encoded(row)
    assert encoded is not None
    neighbours = decode_neighbours(encoded)
    assert neighbours is not None
    return {generation.catalogue.item_id(other) for other in neighbours.rows[:10].tolist()}
