"""Queries of any kind against the formula: weighted sets, filters, variety, new and hidden items."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from hybrid_recs.generation.category_index import CategoryFilter
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.neighbour_codec import decode_neighbours
from hybrid_recs.items.overlay import NewItems, Overlay
from hybrid_recs.ranking.mmr import mmr_rerank
from hybrid_recs.ranking.recommender import ItemQuery, Recommender, ResolvedQuery
from hybrid_recs.types import Floats, Neighbours, Outcome, Source
from tests.builders import random_unit_vectors
from tests.planted import WORLDS, item_id, world_of

Scores = NDArray[np.float64]


def _scores(recommender: Recommender, weights: dict[int, float], vector: Floats | None = None) -> Scores:
    """Of every item with a vector, by the formula; the query's own items are out."""
    scorer = recommender.generation.scorer
    vectors, tilt = np.asarray(scorer.vectors, np.float64), np.asarray(scorer.boosts, np.float64)
    scores = np.zeros(len(vectors)) if vector is None else vectors @ vector * tilt
    for row, weight in weights.items():
        scores += weight * (vectors @ vectors[row]) * tilt
        linked, strengths = scorer.covisits.neighbours_of(row)
        scores[linked] += recommender.generation.manifest.scoring.covisit_weight * weight * strengths
    scores[list(weights)] = -np.inf
    return scores


def _query_of(recommender: Recommender, weights: dict[int, float], k: int, **fields: object) -> ResolvedQuery:
    items = recommender.weighted_items(list(weights), list(weights.values()))
    return replace(ResolvedQuery(items, k), **fields)  # type: ignore[arg-type]


def _check(found: Neighbours, scores: Scores, k: int) -> None:
    rows = found.rows
    assert len(rows) == len(set(rows.tolist())) == k
    np.testing.assert_allclose(scores[rows], np.sort(scores)[::-1][:k], atol=3e-5)
    np.testing.assert_allclose(found.scores, scores[rows], rtol=2**-10, atol=3e-5)


@pytest.fixture(scope="module")
def plain(generation: Generation) -> Recommender:
    return Recommender(generation)


@pytest.mark.parametrize("seed", range(10))
def test_weighted_sets_get_the_best_of_all_items(plain: Recommender, seed: int) -> None:
    """Items that weigh less than nothing push back what they are co-visited with."""
    rng = np.random.default_rng(seed)
    n, k = plain.generation.manifest.vectors, int(rng.integers(1, 60))
    rows = rng.choice(n, rng.integers(1, 7), replace=False).tolist()
    weights = {row: float(rng.choice([-2, -0.5, 0.5, 1, 3])) for row in rows}
    _check(plain.answer_query(_query_of(plain, weights, k)).neighbours, _scores(plain, weights), k)


def test_a_vector_is_a_query_of_its_own(plain: Recommender) -> None:
    vector = random_unit_vectors(np.random.default_rng(1), 1, plain.generation.manifest.dimensions)[0]
    answer = plain.answer_query(ResolvedQuery(plain.weighted_items((), (), vector), 20))
    assert answer.source is Source.LIVE
    _check(answer.neighbours, _scores(plain, {}, vector), 20)


@pytest.mark.parametrize("seed", range(8))
def test_filters_hold_before_the_list_is_cut(plain: Recommender, seed: int) -> None:
    rng = np.random.default_rng(seed)
    catalogue, n = plain.generation.catalogue, plain.generation.manifest.vectors
    worlds = [f"world {w}" for w in rng.choice(WORLDS, 2, replace=False)]
    wanted = [
        CategoryFilter(any_of=tuple(worlds)),
        CategoryFilter(all_of=("ALL", worlds[0].title())),
        CategoryFilter(none_of=tuple(worlds)),
        CategoryFilter(any_of=(worlds[0], "no such thing"), none_of=(worlds[1],)),
    ][seed % 4]
    weights, k = {int(rng.integers(n)): 1.0}, int(rng.integers(1, 25))
    scores = _scores(plain, weights)
    for row in range(n):
        having = set(catalogue.categories_of(row))
        fits = not wanted.any_of or having & set(wanted.any_of)
        if not (fits and having >= {n.lower() for n in wanted.all_of} and not having & set(wanted.none_of)):
            scores[row] = -np.inf
    found = plain.answer_query(_query_of(plain, weights, k, categories=wanted)).neighbours
    _check(found, scores, min(k, int((scores > -np.inf).sum())))


def test_a_filter_that_leaves_few_gives_those_few(plain: Recommender) -> None:
    query = _query_of(plain, {0: 1.0}, 50, categories=CategoryFilter(all_of=("world 3",)))
    rows = plain.answer_query(query).neighbours.rows.tolist()
    assert len(rows) == 30 - (world_of(plain.generation.catalogue.item_id(0)) == 3)
    assert {world_of(plain.generation.catalogue.item_id(row)) for row in rows} == {3}


def test_nothing_known_gets_popular_of_the_categories_then_popular(plain: Recommender) -> None:
    catalogue = plain.generation.catalogue
    wishes = CategoryFilter(any_of=("world 2",), none_of=("world 5",))
    answer = plain.answer_query(ResolvedQuery(plain.weighted_items((), ()), 40, frozenset((3,)), wishes))
    assert (answer.source, answer.outcome) == (Source.POPULAR, Outcome.NOTHING_KNOWN)
    worlds = [world_of(catalogue.item_id(row)) for row in answer.neighbours.rows.tolist()]
    assert len(worlds) == 40
    assert set(worlds[:29]) == {2}
    assert not {2, 5} & set(worlds[30:])
    best_first = [row for row in catalogue.by_popularity.tolist() if row != 3]
    elsewhere = [r for r in best_first if not {"world 2", "world 5"} & set(catalogue.categories_of(r))]
    of_world = [row for row in best_first if "world 2" in catalogue.categories_of(row)]
    assert answer.neighbours.rows.tolist() == (of_world + elsewhere)[:40]


def test_no_category_takes_more_than_its_places(plain: Recommender) -> None:
    """Though the best are all of one world: the pool grows until others are in it."""
    catalogue = plain.generation.catalogue
    no_all = CategoryFilter()
    weights = {row: 1.0 for row in range(240) if "world 1" in catalogue.categories_of(row)}
    weights = dict(list(weights.items())[:2])
    query = _query_of(plain, weights, 24, max_per_category=24, categories=no_all)
    assert len(plain.answer_query(query).neighbours) == 24  # "all" is on everything and takes 24 places
    worlds = Counter(
        world_of(catalogue.item_id(row))
        for row in plain.answer_query(replace(query, max_per_category=3, k=3)).neighbours.rows.tolist()
    )
    assert worlds == {1: 3}


def test_choosing_is_what_the_formula_of_mmr_gives() -> None:
    rng = np.random.default_rng(4)
    vectors = random_unit_vectors(rng, 40, 6)
    scores = np.sort(rng.random(40).astype(np.float32))[::-1]
    pool = Neighbours(np.arange(40), scores)
    for diversity in (0.0, 0.3, 0.7, 1.0):
        left: list[int] = list(range(40))
        chosen: list[int] = []
        while len(chosen) < 12:
            alike = [max([0.0, *(float(vectors[i] @ vectors[j]) for j in chosen)]) for i in left]
            gain = [(1 - diversity) * scores[i] / scores[0] for i in left]
            best = np.argmax(np.array(gain) - diversity * np.array(alike))
            chosen.append(left.pop(int(best)))
        found = mmr_rerank(pool, vectors, lambda _: (), 12, diversity, None)
        if diversity < 1:  # then nothing but the first decides
            assert found.rows.tolist() == chosen
        if diversity == 0:
            assert found.rows.tolist() == list(range(12))
    capped = mmr_rerank(pool, vectors, lambda row: [str(row % 3)], 40, 0.0, 2)
    assert capped.rows.tolist() == [0, 1, 2, 3, 4, 5]


def _overlay(recommender: Recommender) -> Overlay:
    """Two items like the first of worlds 1 and 2, one that could not be placed, one that replaces an old
    one; the best neighbour of world 1's first item is hidden."""
    items = recommender.items
    rows = [items.row(item_id(world, 0)) or 0 for world in (1, 2)]
    vectors = recommender.generation.scorer.vectors[rows]
    more = np.stack([np.zeros_like(vectors[0]), vectors[1]])
    old = item_id(3, 5)
    new = NewItems(
        ("new-1", "new-2", "unplaced", old),
        ("A", "B", "C", None),
        (["world 1", "all"], ["world 2", "all"], [], ["moved"]),
        np.concatenate((vectors, more)),
    )
    best = int(recommender.live_neighbours(ItemQuery(rows[0], 1)).rows[0])
    return Overlay(7, frozenset((best,)), new)


def test_new_and_hidden_items_in_lists_cached_and_live(generation: Generation, plain: Recommender) -> None:
    overlay = _overlay(plain)
    changed, n = Recommender(generation, overlay), len(generation.catalogue)
    hot = next(
        int(row) for row in generation.hot.rows if generation.catalogue.item_id(int(row)) == item_id(1, 0)
    )
    cached = decode_neighbours(generation.hot.encoded(hot) or b"")
    assert cached is not None
    for k in (1, 10, 60):
        live, stored = changed.live_neighbours(ItemQuery(hot, k)), changed.answer(ItemQuery(hot, k), cached)
        assert (stored.source, stored.outcome) == (Source.CACHE, Outcome.HIT)
        assert live.rows.tolist() == stored.neighbours.rows.tolist()
        assert live.scores.tolist() == stored.neighbours.scores.tolist()
        assert not overlay.hidden & set(live.rows.tolist())
    rows = changed.live_neighbours(ItemQuery(hot, 60)).rows.tolist()
    assert n in rows
    assert n + 2 not in rows
    assert generation.catalogue.row(item_id(3, 5)) not in rows
    everything = changed.live_neighbours(ItemQuery(hot, n + 4)).rows.tolist()
    assert {n, n + 1, n + 3} <= set(everything)
    assert len(everything) == len(set(everything)) == n + 4 - 4  # itself, the hidden, unplaced, replaced


def test_a_new_item_may_be_asked_about(generation: Generation, plain: Recommender) -> None:
    changed = Recommender(generation, _overlay(plain))
    row = changed.items.row("new-1")
    assert row == len(generation.catalogue)
    answer = changed.answer(ItemQuery(row, 10), Outcome.TAIL)
    assert (answer.source, answer.outcome) == (Source.CONTENT, Outcome.NO_INTERACTIONS)
    first = [changed.items.item_id(r) for r in answer.neighbours.rows.tolist()]
    assert "new-1" not in first
    assert first[0] == item_id(1, 0)  # its twin
    unplaced = changed.answer(ItemQuery(changed.items.row("unplaced"), 5), Outcome.TAIL)
    assert (unplaced.source, unplaced.outcome) == (Source.POPULAR, Outcome.NO_VECTOR)
    hidden = next(iter(_overlay(plain).hidden))
    assert changed.answer(ItemQuery(hidden, 10), Outcome.LIST_MISSING).source is Source.LIVE


def test_filters_and_histories_know_new_items(generation: Generation, plain: Recommender) -> None:
    changed, n = Recommender(generation, _overlay(plain)), len(generation.catalogue)
    query = _query_of(changed, {0: 1.0}, 5, categories=CategoryFilter(any_of=("moved",)))
    assert changed.answer_query(query).neighbours.rows.tolist() == [n + 3]
    answer = changed.answer_user(np.array([n]), 20)
    assert (answer.source, answer.outcome) == (Source.CONTENT, Outcome.NO_INTERACTIONS)
    assert answer.neighbours.rows[0] == changed.items.row(item_id(1, 0))
    assert n not in answer.neighbours.rows.tolist()
    mixed = changed.answer_session(np.array([n, 0]), 20)
    assert mixed.source is Source.LIVE


def test_everything_of_a_wish_hidden_is_an_empty_list(generation: Generation) -> None:
    hidden = frozenset(generation.catalogue.categories.rows("world 4").tolist())
    changed = Recommender(generation, Overlay(1, hidden))
    row = changed.items.row(item_id(4, 0))
    assert row is not None
    query = _query_of(changed, {row: 1.0}, 5, categories=CategoryFilter(any_of=("world 4",)))
    assert len(changed.answer_query(query).neighbours) == 0
    assert not hidden & set(changed.live_neighbours(ItemQuery(row, 100)).rows.tolist())
