"""Live search for one generation: where it runs, and that requests of one moment are searched together.

The index's own figure decides where: up to INLINE_MILLISECONDS on the event loop, above it in a few
threads. Measured on 2 cores, three in ten requests live: of 3 ms each (100,000 vectors, exact) on the event
loop they made the hot requests beside them take 15 to 22 ms at the median, in threads 1 to 3 ms, at the same
throughput. Of 0.1 ms each (HNSW) they are better off on the loop: 2 to 3 ms instead of 8, since a hop to
a thread and back costs 20 to 50 µs and ends in a queue for the interpreter's lock.

On the loop, requests that arrive in one turn of it are searched and scored in one call: of 16 together each
costs two thirds of one alone in FAISS's wrapper, and less than half in scoring. They never wait for more to
come. The same request in flight, be it on the loop or in a thread, is searched once.
"""

import asyncio
import os
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import groupby

from hybrid_recs.generation.vector_index import use_one_thread_per_search
from hybrid_recs.ranking.recommender import ItemQuery, Recommender, ResolvedQuery
from hybrid_recs.types import Answer, Neighbours

INLINE_MILLISECONDS = 0.5
MAX_TOGETHER = 16  # more gain nothing, and the loop is not held up for longer
_MAX_THREADS = 4

_Waiting = list[asyncio.Future[Neighbours]]


def search_threads() -> Executor:
    """Threads for searches; OpenMP's number of threads is a setting of each thread that calls it."""
    threads = min(_MAX_THREADS, os.cpu_count() or 1)
    return ThreadPoolExecutor(threads, "search", initializer=use_one_thread_per_search)


class LiveSearch:
    """Belongs to one event loop and one generation."""

    def __init__(self, recommender: Recommender, threads: Executor) -> None:
        self.searches = 0
        self._recommender = recommender
        self._threads = threads
        self._figures = sorted(recommender.generation.manifest.index.search, key=lambda figure: figure.k)
        self._due: list[ItemQuery] = []
        self._waiting: dict[ItemQuery, _Waiting] = {}

    def over(self, recommender: Recommender) -> "LiveSearch":
        """A lane for the same generation with other changes, in the same threads."""
        return LiveSearch(recommender, self._threads)

    async def answer(self, query: ResolvedQuery, one_of_many: bool = False) -> Answer:
        """The answer to any query. On the event loop where that is short: alone, without a filter, which
        looks at every item, and without choosing among a pool."""
        plain = not (query.categories or query.diversity or query.max_per_category or one_of_many)
        if plain and self._is_short(query.k):
            return self._recommender.answer_query(query)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._recommender.answer_query, query)

    async def neighbours(self, query: ItemQuery) -> Neighbours:
        """The live answer to `query`."""
        loop = asyncio.get_running_loop()
        # One future a request: a request that is given up must not take the others' answer with it.
        future: asyncio.Future[Neighbours] = loop.create_future()
        waiting = self._waiting.setdefault(query, [])
        waiting.append(future)
        if len(waiting) == 1:
            self.searches += 1
            if self._is_short(query.k):
                self._due.append(query)
                if len(self._due) == 1:
                    loop.call_soon(self._answer_due)
            else:
                searched = loop.run_in_executor(self._threads, self._recommender.live_neighbours, query)
                searched.add_done_callback(lambda done: self._settle(query, done))
        return await future

    def _is_short(self, k: int) -> bool:
        """Whether a search for k fits between two turns of the event loop."""
        for figure in self._figures:
            if figure.k >= k or figure is self._figures[-1]:
                return figure.milliseconds <= INLINE_MILLISECONDS
        return True

    def _answer_due(self) -> None:
        """Search for what came in since; the rest of many in the next turn of the loop."""
        due, self._due = self._due[:MAX_TOGETHER], self._due[MAX_TOGETHER:]
        if self._due:
            asyncio.get_running_loop().call_soon(self._answer_due)
        for (_, alone), some in groupby(sorted(due, key=_kind), key=_kind):
            queries, one, many = (
                list(some),
                self._recommender.live_neighbours,
                self._recommender.live_neighbours_batch,
            )
            try:
                found = [one(query) for query in queries] if alone else many(queries)
            except Exception as error:  # whatever it is, it belongs to those who asked
                for query in queries:
                    self._fail(query, error)
            else:
                for query, neighbours in zip(queries, found, strict=True):
                    self._answer(query, neighbours)

    def _settle(self, query: ItemQuery, done: asyncio.Future[Neighbours]) -> None:
        """Pass on what a thread found."""
        error = done.exception()
        if error is None:
            self._answer(query, done.result())
        else:
            self._fail(query, error)

    def _answer(self, query: ItemQuery, neighbours: Neighbours) -> None:
        for future in self._waiting.pop(query):
            if not future.done():
                future.set_result(neighbours)

    def _fail(self, query: ItemQuery, error: BaseException) -> None:
        for future in self._waiting.pop(query):
            if not future.done():
                future.set_exception(error)


def _kind(query: ItemQuery) -> tuple[int, bool]:
    """Queries of one k are searched together, those with exclusions one by one."""
    return query.k, bool(query.excluded)
