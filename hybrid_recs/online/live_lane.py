"""Live search for one generation: where it runs, and that the same request in flight is searched once.

Measured on 2 cores, three in ten requests live: of 3 ms each (100,000 vectors, exact) on the event loop
they made the hot requests beside them take 15 to 22 ms at the median, in threads 1 to 3 ms, at the same
throughput. Of 0.1 ms each (HNSW) they are better off on the loop: 2 to 3 ms instead of 8, since a hop to
a thread and back costs 20 to 50 µs and ends in a queue for the interpreter's lock. So the index's own
figure decides: up to INLINE_MILLISECONDS, ten hops, on the loop, above it in a few threads.

Searches are not merged into one call: an exact index of 5,000 to 100,000 vectors takes as long for each
of 64 queries at once as for one alone, and HNSW saves 10 to 20 µs a query, less than a hop.
"""

import asyncio
import os
from concurrent.futures import Executor, ThreadPoolExecutor

from hybrid_recs.recommender import Query, Recommender
from hybrid_recs.types import Neighbours
from hybrid_recs.vectors import use_one_thread_per_search

INLINE_MILLISECONDS = 0.5
_MOST_THREADS = 4


def search_threads() -> Executor:
    """Threads for searches; OpenMP's number of threads is a setting of each thread that calls it."""
    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    return ThreadPoolExecutor(threads, "search", initializer=use_one_thread_per_search)


class LiveLane:
    """Belongs to one event loop and one generation."""

    def __init__(self, recommender: Recommender, threads: Executor) -> None:
        self.searches = 0
        self._recommender = recommender
        self._threads = threads
        self._figures = sorted(recommender.generation.manifest.index.search, key=lambda figure: figure.k)
        self._this_tick: dict[Query, Neighbours] = {}
        self._in_flight: dict[Query, asyncio.Future[Neighbours]] = {}

    async def neighbours(self, query: Query) -> Neighbours:
        """The live answer to `query`."""
        if self._is_short(query.k):
            return self._on_the_loop(query)
        future = self._in_flight.get(query)
        if future is None:
            future = self._in_flight[query] = self._in_a_thread(query)
        # A request that is given up must not take the others' answer with it.
        return await asyncio.shield(future)

    def _is_short(self, k: int) -> bool:
        """Whether a search for k fits between two turns of the event loop."""
        for figure in self._figures:
            if figure.k >= k or figure is self._figures[-1]:
                return figure.milliseconds <= INLINE_MILLISECONDS
        return True

    def _on_the_loop(self, query: Query) -> Neighbours:
        """Nothing else runs meanwhile: in flight with it are the requests of this turn of the loop."""
        found = self._this_tick.get(query)
        if found is None:
            if not self._this_tick:
                asyncio.get_running_loop().call_soon(self._this_tick.clear)
            found = self._this_tick[query] = self._recommender.live(query)
            self.searches += 1
        return found

    def _in_a_thread(self, query: Query) -> asyncio.Future[Neighbours]:
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, self._recommender.live, query)
        future.add_done_callback(lambda _: self._in_flight.pop(query, None))
        self.searches += 1
        return future
