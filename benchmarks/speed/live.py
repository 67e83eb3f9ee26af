"""Live search: how near it comes to what its parts cost, and how its latency grows with the catalogue.

Every request is for another item of the less popular half; rising items are off, so nothing is cached.
live_serial: throughput over 1 / (1 / ceiling + one FAISS search + one rescoring), the latter two timed by
themselves, one after the other, on the server's core.
live_growth: median latency of one connection at the large catalogue over that at the small one.
"""

import time
from collections.abc import Iterator
from statistics import median

from benchmarks import cores
from benchmarks.load import Stream, closed_loop
from benchmarks.speed import paths
from benchmarks.speed.built_index import BuiltIndex
from benchmarks.speed.hot import ceiling
from benchmarks.speed.rig import Rig
from benchmarks.speed.rows import Part, Row, at_least, at_most
from benchmarks.speed.turns import medians, take_turns
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.vector_index import use_one_thread_per_search
from hybrid_recs.types import Rows

_ENOUGH = 50_000
_TIMED = 1_000


class Alone:
    """FAISS search and rescoring by themselves; a round goes on where the one before ended."""

    def __init__(self, generation: Generation, rows: Rows) -> None:
        self._generation, self._rows, self._at = generation, rows, 0
        self.searches: list[float] = []
        self.rescorings: list[float] = []
        use_one_thread_per_search()

    def seconds(self) -> float:
        """Of one search and one rescoring, the mean over many."""
        scorer, index, clock = self._generation.scorer, self._generation.index, time.perf_counter
        searching = rescoring = 0.0
        asked = [int(self._rows[(self._at + i) % len(self._rows)]) for i in range(_TIMED)]
        self._at += _TIMED
        with cores.on(cores.SERVER):
            for row in asked:
                query, started = scorer.query(scorer.one(row)), clock()
                candidates = index.search(query, paths.K + 1)
                found = clock()
                scorer.score_item(row, candidates, paths.K)
                searching, rescoring = searching + found - started, rescoring + clock() - found
        self.searches.append(searching / _TIMED)
        self.rescorings.append(rescoring / _TIMED)
        return (searching + rescoring) / _TIMED


def tail_paths(index: BuiltIndex) -> list[str]:
    """Distinct tail items."""
    return paths.paths_of(index.current, paths.tail(index.current, _ENOUGH))


def _serial(rig: Rig) -> Iterator[Row]:
    asked, generation = tail_paths(rig.small), Generation.open(rig.small.current)
    alone = Alone(generation, paths.tail(rig.small.current, _ENOUGH, seed=1))
    with (
        rig.service(rig.small, rising_max_items=0) as ours,
        ceiling(rig, ours, asked[0]) as bare,
    ):
        servers = {"ours": ours, "ceiling": bare}
        figures, absolute = rig.in_turns(servers, asked, {"alone": alone.seconds})
    limits = [1 / (1 / c + a) for c, a in zip(figures["ceiling"], figures["alone"], strict=True)]
    figure = median(ours / limit for ours, limit in zip(figures["ours"], limits, strict=True))
    recall = next(s.recall for s in generation.manifest.index.search if s.k == paths.K)
    absolute |= {
        "serial limit requests/s": round(median(limits), 1),
        "FAISS search µs": round(median(alone.searches) * 1e6, 1),
        "rescoring µs": round(median(alone.rescorings) * 1e6, 1),
        "items": len(generation.catalogue),
        "recall@10 by the manifest": round(recall, 4),
    }
    yield at_least(
        "live_serial", "live: throughput over the serial limit", figure, 0.75, absolute, recall >= 0.98
    )


def _growth(rig: Rig) -> Iterator[Row]:
    with (
        rig.service(rig.small, rising_max_items=0) as small,
        rig.service(rig.large, rising_max_items=0) as large,
    ):
        streams = {small.port: Stream(tail_paths(rig.small)), large.port: Stream(tail_paths(rig.large))}

        def p50(port: int) -> float:
            return closed_loop(port, streams[port], rig.pace.seconds, connections=1).p50_ms

        contenders = {"small": lambda: p50(small.port), "large": lambda: p50(large.port)}
        figures = take_turns(rig.pace.rounds, contenders)
    figure = median(b / a for a, b in zip(figures["small"], figures["large"], strict=True))
    absolute = medians(figures, "p50 ms") | {
        "small items": rig.small.items,
        "large items": rig.large.items,
    }
    yield at_most("live_growth", "live p50, large catalogue over small", figure, 2, absolute)


PARTS = [Part(["live_serial"], _serial), Part(["live_growth"], _growth)]
