"""Live search: the same answer wherever it runs, and one search for the same request in flight."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import replace

import faiss
import numpy as np
import pytest

from hybrid_recs.generation import Generation
from hybrid_recs.manifest import IndexInfo, SearchFigure
from hybrid_recs.online.live_lane import INLINE_MILLISECONDS, LiveLane, search_threads
from hybrid_recs.recommender import Query, Recommender
from hybrid_recs.types import Neighbours

ON_THE_LOOP, IN_A_THREAD = INLINE_MILLISECONDS / 2, INLINE_MILLISECONDS * 2


@pytest.fixture
def threads() -> Iterator[Executor]:
    opened = search_threads()
    yield opened
    opened.shutdown()


def _lane(generation: Generation, threads: Executor, at_10: float, at_100: float) -> LiveLane:
    figures = [
        SearchFigure(k=k, effort=0, recall=1, milliseconds=took) for k, took in ((100, at_100), (10, at_10))
    ]
    manifest = generation.manifest.model_copy(update={"index": IndexInfo(kind="exact", search=figures)})
    return LiveLane(Recommender(replace(generation, manifest=manifest)), threads)


async def _together(lane: LiveLane, queries: list[Query]) -> list[Neighbours]:
    return list(await asyncio.gather(*(lane.neighbours(query) for query in queries)))


@pytest.mark.parametrize("milliseconds", [ON_THE_LOOP, IN_A_THREAD])
def test_the_same_request_in_flight_is_searched_once(
    generation: Generation, threads: Executor, milliseconds: float
) -> None:
    lane, recommender = _lane(generation, threads, milliseconds, milliseconds), Recommender(generation)
    different = [Query(200, 10), Query(201, 10), Query(200, 11), Query(200, 10, frozenset({1, 2}))]

    async def twice() -> None:
        for rounds in (1, 2):
            found = await _together(lane, different * 8)
            assert lane.searches == 4 * rounds
            for query, neighbours in zip(different * 8, found, strict=True):
                expected = recommender.live(query)
                assert neighbours.rows.tolist() == expected.rows.tolist()
                assert neighbours.scores.tolist() == expected.scores.tolist()
            await asyncio.sleep(0)

    asyncio.run(twice())


def test_the_indexs_own_figure_says_where(generation: Generation, threads: Executor) -> None:
    """A search on the loop is done when asked for; one in a thread lets other work run meanwhile."""

    async def others_ran(lane: LiveLane, k: int) -> bool:
        ran: list[int] = []
        asyncio.get_running_loop().call_soon(ran.append, 1)
        await lane.neighbours(Query(200, k))
        return bool(ran)

    async def ask() -> list[bool]:
        lane = _lane(generation, threads, ON_THE_LOOP, IN_A_THREAD)
        return [await others_ran(lane, k) for k in (1, 10, 11, 100)]

    assert asyncio.run(ask()) == [False, False, True, True]


def test_a_request_given_up_takes_no_other_with_it(generation: Generation, threads: Executor) -> None:
    lane = _lane(generation, threads, IN_A_THREAD, IN_A_THREAD)

    async def ask() -> Neighbours:
        first, second = (asyncio.create_task(lane.neighbours(Query(200, 10))) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(ask()).rows.tolist() == Recommender(generation).live(Query(200, 10)).rows.tolist()
    assert lane.searches == 1


def test_a_search_uses_one_thread_of_openmp(threads: Executor) -> None:
    assert threads.submit(faiss.omp_get_max_threads).result() == 1


def test_every_tail_item_gets_what_the_recommender_says(generation: Generation, threads: Executor) -> None:
    rows = range(len(generation.hot), generation.manifest.vectors)
    lane, recommender = _lane(generation, threads, IN_A_THREAD, IN_A_THREAD), Recommender(generation)
    found = asyncio.run(_together(lane, [Query(row, 10) for row in rows]))
    for row, neighbours in zip(rows, found, strict=True):
        np.testing.assert_array_equal(neighbours.rows, recommender.live(Query(row, 10)).rows)
