"""Live search: the same answer wherever it runs, and one search for the same request in flight."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import faiss
import numpy as np
import pytest

from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.manifest import IndexInfo, SearchFigure
from hybrid_recs.online.serving.live_search import INLINE_MILLISECONDS, LiveSearch, search_threads
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import Neighbours

ON_THE_LOOP, IN_A_THREAD = INLINE_MILLISECONDS / 2, INLINE_MILLISECONDS * 2


@pytest.fixture
def threads() -> Iterator[Executor]:
    opened = search_threads()
    yield opened
    opened.shutdown()


def _live_search(generation: Generation, threads: Executor, at_10: float, at_100: float) -> LiveSearch:
    figures = [
        SearchFigure(k=k, effort=0, recall=1, milliseconds=took) for k, took in ((100, at_100), (10, at_10))
    ]
    manifest = generation.manifest.model_copy(update={"index": IndexInfo(kind="exact", search=figures)})
    return LiveSearch(Recommender(replace(generation, manifest=manifest)), threads)


async def _together(live: LiveSearch, queries: list[ItemQuery]) -> list[Neighbours]:
    return list(await asyncio.gather(*(live.neighbours(query) for query in queries)))


@pytest.mark.parametrize("milliseconds", [ON_THE_LOOP, IN_A_THREAD])
def test_the_same_request_in_flight_is_searched_once(
    generation: Generation, threads: Executor, milliseconds: float
) -> None:
    live, recommender = _live_search(generation, threads, milliseconds, milliseconds), Recommender(generation)
    different = [
        ItemQuery(200, 10),
        ItemQuery(201, 10),
        ItemQuery(200, 11),
        ItemQuery(200, 10, frozenset({1, 2})),
    ]

    async def twice() -> None:
        for rounds in (1, 2):
            lists = await _together(live, different * 8)
            assert live.searches == 4 * rounds
            for query, neighbours in zip(different * 8, lists, strict=True):
                expected = recommender.live_neighbours(query)
                assert neighbours.rows.tolist() == expected.rows.tolist()
                assert neighbours.scores.tolist() == expected.scores.tolist()
            await asyncio.sleep(0)

    asyncio.run(twice())


class _CountingThreads(ThreadPoolExecutor):
    submitted = 0

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        self.submitted += 1
        return super().submit(*args, **kwargs)


def test_the_indexs_own_figure_says_where(generation: Generation) -> None:
    with _CountingThreads(1) as threads:
        live = _live_search(generation, threads, ON_THE_LOOP, IN_A_THREAD)
        submitted = []
        for k in (1, 10, 11, 100):
            asyncio.run(_together(live, [ItemQuery(200, k)]))
            submitted.append(threads.submitted)
    assert submitted == [0, 0, 1, 2]


def test_requests_of_one_turn_are_answered_as_one_by_one(generation: Generation, threads: Executor) -> None:
    """More than are searched together, of several lengths, with and without exclusions, some twice."""
    rng = np.random.default_rng(0)
    n = generation.manifest.vectors
    queries = [
        ItemQuery(
            int(row), int(k), frozenset(rng.integers(0, n, 3).tolist()) if row % 5 == 0 else frozenset()
        )
        for row, k in zip(rng.integers(0, n, 90), rng.choice([1, 10, 30, 300], 90), strict=True)
    ]
    live, recommender = _live_search(generation, threads, ON_THE_LOOP, ON_THE_LOOP), Recommender(generation)
    for query, neighbours in zip(queries, asyncio.run(_together(live, queries)), strict=True):
        expected = recommender.live_neighbours(query)
        assert neighbours.rows.tolist() == expected.rows.tolist()
        assert neighbours.scores.tolist() == expected.scores.tolist()
    assert live.searches == len(set(queries))


def test_an_error_reaches_those_who_are_searched_for_together_and_nobody_later(
    generation: Generation, threads: Executor
) -> None:
    live = _live_search(generation, threads, ON_THE_LOOP, ON_THE_LOOP)

    async def ask() -> list[Neighbours | BaseException]:
        searches = [live.neighbours(ItemQuery(row, 10)) for row in (200, 10**9, 10**9)]
        first = await asyncio.gather(*searches, return_exceptions=True)
        return [*first, *await asyncio.gather(live.neighbours(ItemQuery(200, 10)), return_exceptions=True)]

    *together, later = asyncio.run(ask())
    assert all(isinstance(result, IndexError) for result in together)
    assert isinstance(later, Neighbours)


def test_a_request_given_up_takes_no_other_with_it(generation: Generation, threads: Executor) -> None:
    live = _live_search(generation, threads, IN_A_THREAD, IN_A_THREAD)

    async def ask() -> Neighbours:
        first, second = (asyncio.create_task(live.neighbours(ItemQuery(200, 10))) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert (
        asyncio.run(ask()).rows.tolist()
        == Recommender(generation).live_neighbours(ItemQuery(200, 10)).rows.tolist()
    )
    assert live.searches == 1


def test_a_search_uses_one_thread_of_openmp(threads: Executor) -> None:
    assert threads.submit(faiss.omp_get_max_threads).result() == 1


def test_every_tail_item_gets_what_the_recommender_says(generation: Generation, threads: Executor) -> None:
    rows = range(len(generation.hot), generation.manifest.vectors)
    live, recommender = _live_search(generation, threads, IN_A_THREAD, IN_A_THREAD), Recommender(generation)
    lists = asyncio.run(_together(live, [ItemQuery(row, 10) for row in rows]))
    for row, neighbours in zip(rows, lists, strict=True):
        np.testing.assert_array_equal(neighbours.rows, recommender.live_neighbours(ItemQuery(row, 10)).rows)
