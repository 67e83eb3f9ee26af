"""Live search for one snapshot: decides where a search runs, and searches concurrent requests together.

The search time that the build measured decides where: up to INLINE_MILLISECONDS on the event loop, above it
in a few threads. Measured on 2 cores with three live requests in ten: searches of 3 ms (100,000 vectors,
exact) on the event loop raised the median of hot requests to 15 to 22 ms, in threads to 1 to 3 ms, at the
same throughput. Searches of 0.1 ms (HNSW) are better on the loop: a median of 2 to 3 ms instead of 8, because
the way to a thread and back costs 20 to 50 µs and ends in a queue for the interpreter's lock.

On the loop, requests that arrive in one turn are searched and scored in one call: in a batch of 16 each costs
two thirds of a single one in FAISS's wrapper, and less than half in scoring. They never wait for more to
come. Identical requests in flight are searched once, on the loop and in threads.
"""

import asyncio
import os
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import groupby

from hybrid_recs.generation.vector_index import use_one_thread_per_search
from hybrid_recs.ranking.recommender import ItemQuery, Recommender, ResolvedQuery
from hybrid_recs.types import Answer, Neighbours

INLINE_MILLISECONDS = 0.5
MAX_BATCH = 16  # larger batches gain nothing and hold up the loop for longer
_MAX_THREADS = 4

_Waiting = list[asyncio.Future[Neighbours]]


def search_threads() -> Executor:
    """Threads for searches. OpenMP's thread count is set in each of them, because it is per calling
    thread."""
    threads = min(_MAX_THREADS, os.cpu_count() or 1)
    return ThreadPoolExecutor(threads, "search", initializer=use_one_thread_per_search)


class LiveSearch:
    """One per snapshot; belongs to one event loop. searches: how many were made, for tests."""

    def __init__(self, recommender: Recommender, threads: Executor) -> None:
        self.searches = 0
        self._recommender = recommender
        self._threads = threads
        self._figures = sorted(recommender.generation.manifest.index.search, key=lambda figure: figure.k)
        self._due: list[ItemQuery] = []
        self._waiting: dict[ItemQuery, _Waiting] = {}

    def with_recommender(self, recommender: Recommender) -> "LiveSearch":
        """A live search for the same generation with another overlay, in the same threads."""
        return LiveSearch(recommender, self._threads)

    async def answer(self, query: ResolvedQuery, in_batch: bool = False) -> Answer:
        """The answer to any query.

        Runs on the event loop if it is short: not part of a batch, without a category filter, which reads
        every item, and without reranking a larger pool.
        """
        is_plain = not (query.categories or query.diversity or query.max_per_category or in_batch)
        if is_plain and self._is_short(query.k):
            return self._recommender.answer_query(query)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._recommender.answer_query, query)

    async def neighbours(self, query: ItemQuery) -> Neighbours:
        loop = asyncio.get_running_loop()
        # One future per request: a cancelled request must not cancel the others.
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
                search = loop.run_in_executor(self._threads, self._recommender.live_neighbours, query)
                search.add_done_callback(lambda done: self._settle(query, done))
        return await future

    def _is_short(self, k: int) -> bool:
        """Whether a search for k fits between two turns of the event loop."""
        for figure in self._figures:
            if figure.k >= k or figure is self._figures[-1]:
                return figure.milliseconds <= INLINE_MILLISECONDS
        return True

    def _answer_due(self) -> None:
        """Search for the due queries; what exceeds a batch waits for the next turn of the loop."""
        due, self._due = self._due[:MAX_BATCH], self._due[MAX_BATCH:]
        if self._due:
            asyncio.get_running_loop().call_soon(self._answer_due)
        for (_, has_exclusions), group in groupby(sorted(due, key=_batch_key), key=_batch_key):
            queries, recommender = list(group), self._recommender
            try:
                if has_exclusions:
                    lists = [recommender.live_neighbours(query) for query in queries]
                else:
                    lists = recommender.live_neighbours_batch(queries)
            except Exception as error:  # any error is raised by the requests, not on the event loop
                for query in queries:
                    self._fail(query, error)
            else:
                for query, neighbours in zip(queries, lists, strict=True):
                    self._answer(query, neighbours)

    def _settle(self, query: ItemQuery, done: asyncio.Future[Neighbours]) -> None:
        if done.cancelled():  # the threads were stopped
            for future in self._waiting.pop(query):
                future.cancel()
        elif error := done.exception():
            self._fail(query, error)
        else:
            self._answer(query, done.result())

    def _answer(self, query: ItemQuery, neighbours: Neighbours) -> None:
        for future in self._waiting.pop(query):
            if not future.done():
                future.set_result(neighbours)

    def _fail(self, query: ItemQuery, error: BaseException) -> None:
        for future in self._waiting.pop(query):
            if not future.done():
                future.set_exception(error)


def _batch_key(query: ItemQuery) -> tuple[int, bool]:
    """Queries with the same k are searched together, those with exclusions one by one."""
    return query.k, bool(query.excluded)
