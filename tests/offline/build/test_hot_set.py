"""Which items get a precomputed list, and what those lists cost."""

from pathlib import Path

import numpy as np
import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hybrid_recs.cache.keys import Keys
from hybrid_recs.generation.manifest import new_id
from hybrid_recs.generation.neighbour_codec import encode_neighbours
from hybrid_recs.offline.build.hot_set import choose_hot_set
from hybrid_recs.offline.data.encoding import encode
from hybrid_recs.types import Neighbours
from tests.offline.builders import USER_AND_ITEM, read

POPULARITY = np.array([50.0, 30, 10, 6, 4])
PLENTY = 10**9
ONE_LIST = choose_hot_set(np.ones(1), 1, 1.0, PLENTY, PLENTY).bytes


@pytest.mark.parametrize(
    ("share", "count", "got"),
    [
        (0.01, 1, 0.5),
        (0.5, 1, 0.5),
        (0.51, 2, 0.8),
        (0.8, 2, 0.8),
        (0.801, 3, 0.9),
        (0.96, 4, 0.96),
        (1.0, 5, 1),
    ],
)
def test_the_smallest_prefix_that_covers_the_share(share: float, count: int, got: float) -> None:
    hot = choose_hot_set(POPULARITY, 5, share, PLENTY, PLENTY)
    assert hot.rows.tolist() == list(range(count))
    assert hot.share == pytest.approx(got)
    assert hot.bytes == count * ONE_LIST
    assert hot.bound is None


def test_the_most_requested_rows_wherever_they_are() -> None:
    hot = choose_hot_set(np.array([1.0, 30, 10, 50, 4, 6, 99]), 6, 0.45, PLENTY, PLENTY)
    assert hot.rows.tolist() == [1, 2, 3]
    assert hot.share == pytest.approx(0.45)


def test_one_large_order_does_not_make_the_hot_set(tmp_path: Path) -> None:
    rows = [f"u{user},i{(user + place) % 20:02d},{1 + place}" for user in range(60) for place in range(5)]
    toml = USER_AND_ITEM + 'weight = "pieces"\n'
    text = "user,item,pieces\n" + "\n".join(rows) + "\n"
    usual = encode(read(tmp_path / "usual", {"a.csv": text}, toml))
    large = encode(read(tmp_path / "large", {"a.csv": text + "u1,i07,80000\n"}, toml))
    assert large.popularity[0] > 80_000
    ids = large.items["item"].to_list()
    assert large.requests[ids.index("i07")] == usual.requests[usual.items["item"].to_list().index("i07")] + 1
    hot = choose_hot_set(large.requests, large.n_vectors, 0.8, PLENTY, PLENTY)
    assert len(hot.rows) == 16
    assert hot.share == pytest.approx(large.requests[hot.rows].sum() / 301)


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(
    popularity=st.lists(st.integers(1, 1_000), min_size=1, max_size=40),
    share=st.floats(0.01, 1),
)
def test_no_smaller_prefix_would_do(popularity: list[int], share: float) -> None:
    counts = np.sort(np.array(popularity, np.float64))[::-1]
    hot = choose_hot_set(counts, len(counts), share, PLENTY, PLENTY)
    total = counts.sum()
    assert counts[: len(hot.rows)].sum() >= share * total * (1 - 1e-9)
    assert counts[: len(hot.rows) - 1].sum() < share * total
    assert hot.share == pytest.approx(counts[: len(hot.rows)].sum() / total)


@pytest.mark.parametrize(
    ("max_items", "max_lists", "count", "bound"),
    [
        (3, 100, 3, "hot_max_items"),
        (100, 3, 3, "hot_max_mb"),
        (2, 3, 2, "hot_max_items"),
        (3, 2, 2, "hot_max_mb"),
        (5, 5, 5, None),
        (0, 100, 0, "hot_max_items"),
        (100, 0, 0, "hot_max_mb"),
    ],
)
def test_the_bound_that_holds_it_back_is_named(
    max_items: int, max_lists: int, count: int, bound: str | None
) -> None:
    # A byte less than one more list needs.
    hot = choose_hot_set(POPULARITY, 5, 1.0, max_items, (max_lists + 1) * ONE_LIST - 1)
    assert len(hot.rows) == count
    assert hot.share == pytest.approx(POPULARITY[:count].sum() / 100)
    assert hot.bytes == count * ONE_LIST
    assert hot.bound == bound


def test_only_rows_with_a_vector_can_be_hot() -> None:
    # Half of the interactions are about items without a vector: no prefix reaches the share.
    popularity = np.array([30.0, 20, 50])
    hot = choose_hot_set(popularity, 2, 0.8, PLENTY, PLENTY)
    assert (hot.rows.tolist(), hot.share, hot.bound) == ([0, 1], 0.5, None)
    none = choose_hot_set(popularity, 0, 0.8, PLENTY, PLENTY)
    assert (none.rows.tolist(), none.share, none.bytes, none.bound) == ([], 0, 0, None)


@pytest.mark.parametrize("popularity", [np.zeros(4), np.zeros(0)], ids=["zeros", "empty"])
def test_no_interactions_are_no_share(popularity: NDArray[np.float64]) -> None:
    hot = choose_hot_set(popularity, len(popularity), 0.8, PLENTY, PLENTY)
    assert hot.share == 0
    assert hot.bound is None
    assert len(hot.rows) <= 1


def test_the_bytes_are_about_what_redis_reports(client: redis.Redis, keys: Keys) -> None:
    count = 2_000
    encoded = encode_neighbours(Neighbours(np.arange(100), np.linspace(1, 0.1, 100, dtype=np.float32)))
    names = [keys.neighbours(new_id(), f"{row:010d}") for row in range(count)]
    before = client.info("memory")["used_memory"]
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.set(name, encoded, ex=86_400)
    pipeline.execute()
    used = client.info("memory")["used_memory"] - before
    client.delete(*names)
    estimate = choose_hot_set(np.ones(count), count, 1.0, PLENTY, PLENTY).bytes
    assert estimate == pytest.approx(used, rel=0.25)
