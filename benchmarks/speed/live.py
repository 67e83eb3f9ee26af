"""Live search: its throughput compared with the cost of its parts, and its latency by catalogue size.

Every request is for a different item of the less popular half. Rising items are off, so nothing is cached.
live_serial: throughput over 1 / (1 / ceiling + one FAISS search + one rescoring), the latter two timed
without a service, one after the other, on the server's core. live_growth: median latency over one connection
with the large catalogue over that with the small one.
"""

import time
from collections.abc import Iterator
from statistics import median

from benchmarks import cores
from benchmarks.load import RequestStream, closed_loop
from benchmarks.speed import traffic
from benchmarks.speed.built_index import BuiltIndex
from benchmarks.speed.harness import Harness
from benchmarks.speed.hot import ceiling
from benchmarks.speed.interleaving import measure_interleaved, medians
from benchmarks.speed.results import Benchmark, Result, at_least, at_most
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.vector_index import use_one_thread_per_search
from hybrid_recs.types import Rows

_TAIL_ITEMS = 50_000
_SEARCHES_PER_ROUND = 1_000


class SearchTimer:
    """FAISS search and rescoring without a service; a round continues where the previous one ended."""

    def __init__(self, generation: Generation, rows: Rows) -> None:
        self._generation, self._rows, self._position = generation, rows, 0
        self.searches: list[float] = []
        self.rescorings: list[float] = []
        use_one_thread_per_search()

    def seconds(self) -> float:
        """Mean seconds of one search plus one rescoring."""
        scorer, index, clock = self._generation.scorer, self._generation.index, time.perf_counter
        searching = rescoring = 0.0
        rows = [int(self._rows[(self._position + i) % len(self._rows)]) for i in range(_SEARCHES_PER_ROUND)]
        self._position += _SEARCHES_PER_ROUND
        with cores.pinned_to(cores.SERVER):
            for row in rows:
                query, started = scorer.query_vector(scorer.item_query(row)), clock()
                candidates = index.search(query, traffic.K + 1)
                searched = clock()
                scorer.score_item(row, candidates, traffic.K)
                searching, rescoring = searching + searched - started, rescoring + clock() - searched
        self.searches.append(searching / _SEARCHES_PER_ROUND)
        self.rescorings.append(rescoring / _SEARCHES_PER_ROUND)
        return (searching + rescoring) / _SEARCHES_PER_ROUND


def tail_paths(index: BuiltIndex) -> list[str]:
    """Request paths of distinct tail items."""
    return traffic.request_paths(index.current, traffic.tail_rows(index.current, _TAIL_ITEMS))


def _serial(harness: Harness) -> Iterator[Result]:
    paths, generation = tail_paths(harness.small), Generation.open(harness.small.current)
    search_timer = SearchTimer(generation, traffic.tail_rows(harness.small.current, _TAIL_ITEMS, seed=1))
    with (
        harness.service(harness.small, rising_max_items=0) as ours,
        ceiling(harness, ours, paths[0]) as ceiling_server,
    ):
        servers = {"ours": ours, "ceiling": ceiling_server}
        figures, absolute = harness.measure_interleaved(servers, paths, {"search": search_timer.seconds})
    limits = [1 / (1 / c + s) for c, s in zip(figures["ceiling"], figures["search"], strict=True)]
    figure = median(ours / limit for ours, limit in zip(figures["ours"], limits, strict=True))
    recall = next(s.recall for s in generation.manifest.index.search if s.k == traffic.K)
    absolute |= {
        "serial limit requests/s": round(median(limits), 1),
        "FAISS search µs": round(median(search_timer.searches) * 1e6, 1),
        "rescoring µs": round(median(search_timer.rescorings) * 1e6, 1),
        "items": len(generation.catalogue),
        "recall@10 by the manifest": round(recall, 4),
    }
    yield at_least(
        "live_serial", "live: throughput over the serial limit", figure, 0.75, absolute, recall >= 0.98
    )


def _growth(harness: Harness) -> Iterator[Result]:
    with (
        harness.service(harness.small, rising_max_items=0) as small,
        harness.service(harness.large, rising_max_items=0) as large,
    ):
        streams = {
            small.port: RequestStream(tail_paths(harness.small)),
            large.port: RequestStream(tail_paths(harness.large)),
        }

        def p50(port: int) -> float:
            return closed_loop(port, streams[port], harness.run.seconds, connections=1).p50_ms

        contenders = {"small": lambda: p50(small.port), "large": lambda: p50(large.port)}
        figures = measure_interleaved(harness.run.rounds, contenders)
    figure = median(b / a for a, b in zip(figures["small"], figures["large"], strict=True))
    absolute = medians(figures, "p50 ms") | {
        "small items": harness.small.items,
        "large items": harness.large.items,
    }
    yield at_most("live_growth", "live p50, large catalogue over small", figure, 2, absolute)


BENCHMARKS = [Benchmark(["live_serial"], _serial), Benchmark(["live_growth"], _growth)]
