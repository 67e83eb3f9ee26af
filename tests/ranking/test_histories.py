"""Answers to a session and to a user's history, by the recommender the service uses."""

from dataclasses import replace

import numpy as np
import pytest

from hybrid_recs.generation.generation import Generation
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.types import Answer, Outcome, Rows, Source
from tests.planted import ITEMS_PER_WORLD, NEVER_BOUGHT, WORLDS, item_id, world_of

Pairs = list[tuple[int, float]]


def _with_repeat(generation: Generation, repeat: float | None) -> Recommender:
    scoring = generation.manifest.scoring.model_copy(update={"repeat": repeat})
    return Recommender(
        replace(generation, manifest=generation.manifest.model_copy(update={"scoring": scoring}))
    )


@pytest.fixture(scope="module")
def once(generation: Generation) -> Recommender:
    """Nobody comes back to an item."""
    return _with_repeat(generation, None)


@pytest.fixture(scope="module")
def again(generation: Generation) -> Recommender:
    """Visitors come back to items."""
    return _with_repeat(generation, 2.0)


def _rows(generation: Generation, *ids: str) -> Rows:
    rows = [row for one in ids if (row := generation.catalogue.row(one)) is not None]
    assert len(rows) == len(ids)
    return np.array(rows, np.int64)


def _reference(
    recommender: Recommender, rows: Rows, repeat: float | None, of_user: bool = False
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The score of every item with a vector, by the formula; -inf for the items themselves if not again."""
    scorer, scoring = recommender.generation.scorer, recommender.generation.manifest.scoring
    vectors = np.asarray(scorer.vectors, np.float64)
    met = list(dict.fromkeys(rows[::-1].tolist()))[:50]
    how = scoring.of_user if of_user else scoring.of_session
    scores = np.zeros(len(vectors))
    scores[scorer.trend.rows] += how.trend * scorer.trend.weights
    for age, row in enumerate(met):
        weight = (1 + age) ** -how.decay
        scores += weight * (vectors @ vectors[row]) * np.asarray(scorer.boosts, np.float64)
        linked, strengths = scorer.covisits.neighbours_of(row)
        scores[linked] += how.covisit_weight * weight * strengths
        scores[row] += weight * repeat if repeat is not None else -np.inf
    return scores


def _check(answer: Answer, scores: np.ndarray[tuple[int], np.dtype[np.float64]], k: int) -> None:
    assert (answer.source, answer.outcome) == (Source.LIVE, Outcome.COMPOSED)
    rows = answer.neighbours.rows
    assert len(rows) == len(set(rows.tolist())) == k
    np.testing.assert_allclose(scores[rows], np.sort(scores)[::-1][:k], atol=2e-5)
    np.testing.assert_allclose(answer.neighbours.scores, scores[rows], rtol=2**-10, atol=2e-5)


@pytest.mark.parametrize("seed", range(12))
def test_answers_are_the_best_of_all_items(once: Recommender, again: Recommender, seed: int) -> None:
    generation = once.generation
    assert not generation.index.approximate
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, generation.manifest.vectors, rng.integers(1, 70))
    excluded = frozenset(rng.integers(0, generation.manifest.vectors, 5).tolist())
    for k in (1, 10, 60):
        unseen = _reference(once, rows, None)
        unseen[rows] = -np.inf  # those too old to be scored included
        _check(once.answer_session(rows, k), unseen, k)
        _check(again.answer_session(rows, k), _reference(again, rows, 2.0), k)
        left = _reference(again, rows, 2.0)
        left[list(excluded)] = -np.inf
        _check(again.answer_session(rows, k, excluded), left, k)
        of_user = _reference(again, rows, None, of_user=True)
        of_user[[*excluded, *rows.tolist()]] = -np.inf
        _check(again.answer_user(rows, k, excluded), of_user, k)


def test_what_a_user_has_seen_never_comes(again: Recommender) -> None:
    n = len(again.generation.catalogue)
    rng = np.random.default_rng(1)
    for length in (1, 5, 49, 50, 51, 120, 239):
        seen = rng.permutation(again.generation.manifest.vectors)[:length]
        for k in (1, 20, n):
            found = again.answer_user(seen, k).neighbours.rows.tolist()
            assert not set(found) & set(seen.tolist())
            assert len(found) == len(set(found)) == min(k, n - length)


def test_what_a_session_has_seen_comes_again_only_where_visitors_come_back(
    once: Recommender, again: Recommender
) -> None:
    for world in range(WORLDS):
        seen = _rows(once.generation, *(item_id(world, place) for place in (4, 9, 0)))
        assert not set(once.answer_session(seen, 100).neighbours.rows.tolist()) & set(seen.tolist())
        found = again.answer_session(seen, 100).neighbours.rows.tolist()
        assert set(seen.tolist()) <= set(found)
        excluded = frozenset(seen.tolist())
        assert not set(again.answer_session(seen, 100, excluded).neighbours.rows.tolist()) & excluded


@pytest.mark.parametrize("world", range(WORLDS))
def test_a_session_is_answered_from_its_own_world(once: Recommender, world: int) -> None:
    catalogue = once.generation.catalogue
    for places in ((0,), (29, 28), (3, 11, 20, 7, 1)):
        seen = _rows(once.generation, *(item_id(world, place) for place in places))
        for answer in (once.answer_session(seen, 20), once.answer_user(seen, 20)):
            worlds = [world_of(catalogue.item_id(row)) for row in answer.neighbours.rows.tolist()]
            assert worlds == [world] * 20


def test_the_latest_world_comes_first(once: Recommender) -> None:
    scoring = once.generation.manifest.scoring.model_copy(update={"session_decay": 1.0, "user_decay": 1.0})
    manifest = once.generation.manifest.model_copy(update={"scoring": scoring})
    recommender = Recommender(replace(once.generation, manifest=manifest))
    for older, newer in ((0, 1), (1, 0), (5, 2)):
        seen = _rows(once.generation, item_id(older, 5), item_id(newer, 5))
        best = recommender.answer_session(seen, 3).neighbours.rows.tolist()
        assert {world_of(once.generation.catalogue.item_id(row)) for row in best} == {newer}


def test_rows_without_a_vector_are_passed_over(once: Recommender) -> None:
    generation = once.generation
    blank = _rows(generation, *NEVER_BOUGHT)
    assert (blank >= generation.manifest.vectors).all()
    known = _rows(generation, item_id(2, 3), item_id(2, 8))
    mixed = np.array([known[0], blank[0], known[1], blank[1]])
    for ask in (once.answer_session, once.answer_user):
        plain, with_blank = ask(known, 10), ask(mixed, 10)
        assert with_blank.source is Source.LIVE
        assert with_blank.neighbours.rows.tolist() == plain.neighbours.rows.tolist()
        assert with_blank.neighbours.scores.tolist() == plain.neighbours.scores.tolist()
    assert not set(once.answer_user(mixed, 242).neighbours.rows.tolist()) & set(mixed.tolist())


def test_nothing_to_go_by_gives_the_best_sellers(once: Recommender) -> None:
    catalogue = once.generation.catalogue
    best = np.argsort(-catalogue.popularity, kind="stable")
    none: Rows = np.empty(0, np.int64)
    blank = _rows(once.generation, *NEVER_BOUGHT)
    for ask in (once.answer_session, once.answer_user):
        for rows, outcome in ((none, Outcome.NOTHING_KNOWN), (blank, Outcome.NO_VECTOR)):
            answer = ask(rows, 5, frozenset((int(best[1]),)))
            assert (answer.source, answer.outcome) == (Source.POPULAR, outcome)
            assert answer.neighbours.rows.tolist() == best[[0, 2, 3, 4, 5]].tolist()
            assert answer.neighbours.scores[0] == 1.0


def test_more_than_there_is_gives_all_there_is(once: Recommender, again: Recommender) -> None:
    n = len(once.generation.catalogue)
    assert n == WORLDS * ITEMS_PER_WORLD + len(NEVER_BOUGHT)
    seen = _rows(once.generation, item_id(0, 1), item_id(0, 2))
    everything = again.answer_session(seen, 1_000).neighbours
    assert sorted(everything.rows.tolist()) == list(range(n))
    assert (np.diff(everything.scores) <= 0).all()
    unseen = sorted(set(range(n)) - set(seen.tolist()))
    assert sorted(once.answer_user(seen, 1_000).neighbours.rows.tolist()) == unseen
