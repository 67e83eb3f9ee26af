"""Lists of many users at once are those of one after the other."""

from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest

from hybrid_recs.generation.generation import INDEX_FILE, Generation
from hybrid_recs.generation.vector_index import FaissIndex
from hybrid_recs.items.overlay import Overlay
from hybrid_recs.offline.users.lists import UserListBuilder
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.types import Neighbours, Rows
from tests.builders import write_generation
from tests.planted import NEVER_BOUGHT


def _histories(seed: int, users: int, n: int, longest: int) -> list[Rows]:
    rng = np.random.default_rng(seed)
    return [rng.permutation(n)[: rng.integers(0, longest + 1)] for _ in range(users)]


def _check(
    generation: Generation, histories: list[Rows], k: int, hidden: frozenset[int], **groups: int
) -> None:
    done: list[int] = []
    actual = UserListBuilder(generation, k, hidden, **groups).lists(histories, done.append)
    recommender = Recommender(generation, Overlay(hidden=hidden))
    assert sum(done) == len(actual) == len(histories)
    for met, one in zip(histories, actual, strict=True):
        alone: Neighbours = recommender.answer_user(met, k).neighbours
        assert one.rows.tolist() == alone.rows.tolist()
        assert one.scores.tolist() == alone.scores.tolist()
        assert not set(one.rows.tolist()) & ({*met.tolist()} | hidden)


@pytest.mark.parametrize("k", [1, 20, 100])
@pytest.mark.parametrize("hidden", [frozenset(), frozenset({0, 1, 5, 77, 239, 241})])
def test_each_list_is_what_for_user_says(generation: Generation, k: int, hidden: frozenset[int]) -> None:
    n = len(generation.catalogue)
    histories = _histories(k, 150, n, 80)
    assert min(len(met) for met in histories) == 0
    assert any((met >= generation.manifest.vectors).any() for met in histories)
    _check(generation, histories, k, hidden)


def test_short_lists_are_filled_with_what_is_popular(generation: Generation) -> None:
    n = len(generation.catalogue)
    blank = np.array([generation.catalogue.row(item) for item in NEVER_BOUGHT], np.int64)
    _check(generation, [np.empty(0, np.int64), blank, np.arange(3, n)], n, frozenset())


def test_scoring_in_small_groups_changes_nothing(generation: Generation) -> None:
    _check(generation, _histories(5, 40, 200, 60), 20, frozenset({3}), search_batch=7, cells_at_once=1)


def test_an_inverted_file_that_is_read_in_full_gives_the_same_lists(tmp_path: Path) -> None:
    ids = [f"i{row}" for row in range(3_000)]
    generation = write_generation(tmp_path, "g", ids, np.empty(0, np.int64))
    vectors = np.asarray(generation.scorer.vectors)
    quantizer = faiss.IndexFlatIP(vectors.shape[1])
    inverted = faiss.IndexIVFFlat(quantizer, vectors.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
    inverted.train(vectors)
    inverted.add(vectors)
    faiss.write_index(inverted, str(tmp_path / INDEX_FILE))
    approximate = replace(generation, index=FaissIndex(tmp_path / INDEX_FILE, []))
    assert approximate.index.approximate
    _check(approximate, _histories(9, 60, 3_000, 70), 20, frozenset({1, 2}))


def test_a_stored_list_has_its_latest_items_and_when_it_was_made(generation: Generation) -> None:
    histories = [np.arange(70, dtype=np.int64), np.array([7, 3], np.int64)]
    long, short = UserListBuilder(generation, 10).stored_lists(histories, 1_700_000_000)
    assert long.history.tolist() == list(range(20, 70))
    assert short.history.tolist() == [7, 3]
    assert (long.made, short.made) == (1_700_000_000, 1_700_000_000)
    assert not set(long.neighbours.rows.tolist()) & set(range(70))
