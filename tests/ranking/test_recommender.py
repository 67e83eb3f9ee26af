"""The fallback chain: what answers, why, and that the answer is the same from the cache and live."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.neighbour_codec import encode_neighbours
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import Answer, Neighbours, Outcome, PublicReason, Source
from tests.planted import NEVER_BOUGHT, item_id, world_of

_REASONS_WITHOUT_A_LIST = {
    Outcome.TAIL: None,
    Outcome.LIST_MISSING: PublicReason.LIST_MISSING,
    Outcome.CACHE_UNAVAILABLE: PublicReason.CACHE_UNAVAILABLE,
}
_KINDS = ("hot", "tail", "no vector", "unknown")


@pytest.fixture(scope="module")
def recommender(generation: Generation) -> Recommender:
    return Recommender(generation)


def _everything(generation: Generation, row: int) -> Neighbours:
    """All other items that have a vector, by the scoring function itself: no index, no cut."""
    return generation.scorer.score_item(
        row, np.arange(generation.manifest.vectors), generation.manifest.vectors
    )


def _expected_pairs(
    generation: Generation, query: ItemQuery, answer_is_popular: bool
) -> list[tuple[int, float]]:
    """Ranked neighbours, then popular items at a score no higher, all without the excluded."""
    catalogue, own = generation.catalogue, set() if query.row is None else {query.row}
    by_popularity = sorted(range(len(catalogue)), key=lambda row: (-catalogue.popularity[row], row))
    left = [row for row in by_popularity if row not in query.excluded | own]
    if answer_is_popular:
        top = max(catalogue.popularity)
        return [(row, float(np.float16(catalogue.popularity[row] / top))) for row in left][: query.k]
    assert query.row is not None
    ranked = _everything(generation, query.row)
    pairs = list(zip(ranked.rows.tolist(), ranked.scores.tolist(), strict=True))
    pairs = [(row, score) for row, score in pairs if row not in query.excluded][: query.k]
    taken, floor = {row for row, _ in pairs}, min([0.0, *(score for _, score in pairs)])
    fill = [(row, floor) for row in left if row not in taken]
    return (pairs + fill)[: query.k]


def _row(generation: Generation, kind: str, number: int) -> int | None:
    hot, n_vectors, n = len(generation.hot), generation.manifest.vectors, len(generation.catalogue)
    assert 0 < hot < n_vectors < n
    start, stop = {"hot": (0, hot), "tail": (hot, n_vectors), "no vector": (n_vectors, n)}.get(kind, (0, 0))
    return start + number % (stop - start) if stop else None


def _check_shape(generation: Generation, query: ItemQuery, answer: Answer) -> None:
    rows, scores = answer.neighbours.rows.tolist(), answer.neighbours.scores
    not_wanted = query.excluded | (frozenset() if query.row is None else {query.row})
    there_are = len(set(range(len(generation.catalogue))) - not_wanted)
    assert len(rows) == len(scores) == min(query.k, there_are)
    assert len(set(rows)) == len(rows)
    assert not set(rows) & not_wanted
    assert (np.diff(scores) <= 0).all()


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    st.sampled_from(_KINDS),
    st.integers(0, 1_000),
    st.one_of(st.integers(1, 100), st.integers(1, 300)),
    st.one_of(
        st.frozensets(st.integers(0, 260), max_size=20), st.frozensets(st.integers(0, 260), min_size=90)
    ),
    st.sampled_from(["list", *_REASONS_WITHOUT_A_LIST]),
)
def test_the_fallback_chain(
    recommender: Recommender, kind: str, number: int, k: int, excluded: frozenset[int], outcome: str
) -> None:
    generation = recommender.generation
    query = ItemQuery(_row(generation, kind, number), k, excluded)
    cached: Neighbours | Outcome = outcome if isinstance(outcome, Outcome) else Outcome.TAIL
    if outcome == "list" and kind == "hot" and query.row is not None:
        cached = recommender.decode(generation.hot.encoded(query.row))
        assert isinstance(cached, Neighbours)
    answer = recommender.answer(query, cached)
    _check_shape(generation, query, answer)
    if kind == "unknown":
        expected: tuple[Source, PublicReason | None] = (Source.POPULAR, PublicReason.UNKNOWN_ITEM)
    elif kind == "no vector":
        expected = (Source.POPULAR, PublicReason.NO_VECTOR)
    elif isinstance(cached, Outcome):
        expected = (Source.LIVE, _REASONS_WITHOUT_A_LIST[cached])
    elif len(set(cached.rows.tolist()) - excluded) < k:
        expected = (Source.LIVE, PublicReason.LIST_TOO_SHORT)
    else:
        expected = (Source.CACHE, None)
    assert (answer.source, answer.outcome.public_reason) == expected
    pairs = list(zip(answer.neighbours.rows.tolist(), answer.neighbours.scores.tolist(), strict=True))
    assert pairs == _expected_pairs(generation, query, answer.source is Source.POPULAR)


def test_every_hot_item_gets_the_same_from_the_cache_and_live(recommender: Recommender) -> None:
    generation = recommender.generation
    assert not generation.index.approximate
    excluded = frozenset((0, 5, generation.manifest.vectors))
    for row, encoded in generation.hot.items():
        cached = recommender.decode(encoded)
        for query in (ItemQuery(row, 10), ItemQuery(row, 100), ItemQuery(row, 60, excluded)):
            first, second = recommender.answer(query, cached), recommender.answer(query, Outcome.LIST_MISSING)
            assert (first.source, second.source) == (Source.CACHE, Source.LIVE)
            assert first.neighbours.rows.tolist() == second.neighbours.rows.tolist()
            assert first.neighbours.scores.tobytes() == second.neighbours.scores.tobytes()


def test_hot_are_the_rows_with_a_list(recommender: Recommender) -> None:
    generation = recommender.generation
    hot = set(generation.hot.rows.tolist())
    assert {row for row in range(len(generation.catalogue)) if recommender.is_hot(row)} == hot


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_garbage_is_a_missing_list(recommender: Recommender, garbage: bytes) -> None:
    assert recommender.decode(garbage) is Outcome.LIST_MISSING


def test_no_value_and_damaged_lists_are_missing(recommender: Recommender) -> None:
    encoded = recommender.generation.hot.encoded(0)
    assert encoded is not None
    assert recommender.decode(None) is Outcome.LIST_MISSING
    assert recommender.decode(b"") is Outcome.LIST_MISSING
    assert recommender.decode(encoded[:-1]) is Outcome.LIST_MISSING
    assert recommender.decode(encoded[:-1] + bytes([encoded[-1] ^ 1])) is Outcome.LIST_MISSING


@pytest.mark.parametrize("beyond", [0, 1, 2**32 - 1])
def test_a_list_of_another_catalogue_is_missing(recommender: Recommender, beyond: int) -> None:
    n = len(recommender.generation.catalogue)
    scores = np.array([0.5, 0.25], np.float32)
    outside = Neighbours(np.array([3, min(n + beyond, 2**32 - 1)]), scores)
    inside = Neighbours(np.array([3, n - 1]), scores)
    assert recommender.decode(encode_neighbours(outside)) is Outcome.LIST_MISSING
    decoded = recommender.decode(encode_neighbours(inside))
    assert isinstance(decoded, Neighbours)
    assert decoded.rows.tolist() == [3, n - 1]


@pytest.mark.parametrize("world", range(8))
def test_neighbours_are_of_the_items_own_world(recommender: Recommender, world: int) -> None:
    catalogue = recommender.generation.catalogue
    for place in (0, 27, 28, 29):
        row = catalogue.row(item_id(world, place))
        assert row is not None
        if place:
            assert not recommender.is_hot(row)
        answer = recommender.answer(ItemQuery(row, 10), Outcome.TAIL)
        assert answer.source is Source.LIVE
        assert {world_of(catalogue.item_id(r)) for r in answer.neighbours.rows.tolist()} == {world}


def test_an_item_nobody_bought_gets_the_best_sellers(recommender: Recommender) -> None:
    catalogue = recommender.generation.catalogue
    row = catalogue.row(NEVER_BOUGHT[0])
    assert row is not None
    answer = recommender.answer(ItemQuery(row, 5), Outcome.TAIL)
    best = np.argsort(-catalogue.popularity, kind="stable")[:5]
    assert answer.neighbours.rows.tolist() == best.tolist()
    assert answer.neighbours.scores[0] == 1.0


def test_a_list_that_holds_every_other_vector_is_filled_up_not_searched(recommender: Recommender) -> None:
    """Search could add nothing, so that the cached list counts as whole."""
    generation = recommender.generation
    whole = _everything(generation, 4)
    n = len(generation.catalogue)
    answer = recommender.answer(ItemQuery(4, n), whole)
    assert answer.source is Source.CACHE
    _check_shape(generation, ItemQuery(4, n), answer)
    live = recommender.answer(ItemQuery(4, n), Outcome.LIST_MISSING)
    assert answer.neighbours.rows.tolist() == live.neighbours.rows.tolist()
