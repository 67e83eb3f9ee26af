"""Live search compared with two libraries behind a FastAPI route: same tail items, same vectors, same k.

The peer searches with the lowest effort whose recall@10 is within 0.003 of the highest that does not exceed
the recall of our index, both on the same items. The served lists are then compared with exact search, each
with the exact ranking by its own score.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import numpy as np

from benchmarks.ports import get
from benchmarks.servers.items import indexed_vectors, query_vectors
from benchmarks.servers.launcher import comparator
from benchmarks.servers.peer import Peer
from benchmarks.speed import traffic
from benchmarks.speed.harness import Harness
from benchmarks.speed.interleaving import ratio
from benchmarks.speed.live import tail_paths
from benchmarks.speed.results import Benchmark, Result, at_least
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.vector_index import ExactIndex
from hybrid_recs.types import Floats, Rows

_EFFORTS = (1, 2, 3, 4, 6, 8, 11, 14, 17, 20, 24, 28, 32, 40, 48, 64, 80, 96, 128, 160, 200, 256, 384)
_RECALL_TOLERANCE = 0.003
_SAMPLE = 500


def _hnswlib(harness: Harness) -> Iterator[Result]:
    from benchmarks.servers.hnswlib_peer import Hnswlib

    generation = harness.small.current
    index = generation.parents[2] / f"hnswlib-{generation.name}.bin"
    if not index.exists():
        Hnswlib.build(generation, index)
    peer = Hnswlib.open(generation, index, 1)
    yield _compare(harness, "hnswlib", peer, indexed_vectors(generation), {"index": index})


def _implicit(harness: Harness) -> Iterator[Result]:
    from benchmarks.servers.implicit_peer import Implicit

    generation = harness.small.current
    yield _compare(harness, "implicit", Implicit.open(generation, 1), query_vectors(generation), {})


def _compare(harness: Harness, name: str, peer: Peer, ranked: Floats, options: dict[str, Path]) -> Result:
    """ranked: the vectors (n × d) that the peer ranks by."""
    generation = Generation.open(harness.small.current)
    rows = traffic.tail_rows(harness.small.current, _SAMPLE, seed=2)
    paths = traffic.request_paths(harness.small.current, rows)
    exact, ours_exact = (
        _exact(generation, vectors, rows) for vectors in (ranked, indexed_vectors(harness.small.current))
    )
    index_recall = recall(_index_results(generation, rows), ours_exact)
    effort = min_effort(peer, rows, exact, index_recall)
    log = harness.folder / f"{name}.log"
    with (
        harness.service(harness.small, rising_max_items=0) as ours,
        comparator(name, log, generation=harness.small.current, effort=effort, **options) as theirs,
    ):
        figures, absolute = harness.measure_interleaved(
            {"ours": ours, name: theirs}, tail_paths(harness.small)
        )
        recalls = {
            "ours": recall(
                _served_rows(ours.port, generation, paths), _exact_by_score(generation, ours_exact, rows)
            ),
            name: recall(_served_rows(theirs.port, generation, paths), exact),
        }
    absolute |= {
        **{f"{server} recall@10 as served": round(value, 4) for server, value in recalls.items()},
        "our index's recall@10": round(index_recall, 4),
        "its effort": effort,
        "items": len(generation.catalogue),
    }
    figure, no_lower = ratio(figures, "ours", name), recalls["ours"] >= recalls[name]
    return at_least(f"peer_{name}", f"live: throughput over {name}", figure, 1, absolute, no_lower)


def recall(retrieved: Sequence[AbstractSet[int | None]], exact: list[set[int]]) -> float:
    """Share of the exact rows that were retrieved."""
    return sum(len(r & e) for r, e in zip(retrieved, exact, strict=True)) / sum(map(len, exact))


def _exact(generation: Generation, ranked: Floats, rows: Rows) -> list[set[int]]:
    """The K best rows by inner product with the item's vector, without the item itself."""
    lists = ExactIndex(ranked).search_many(
        np.ascontiguousarray(generation.scorer.vectors[rows]), traffic.K + 1
    )
    return [
        set(neighbours[neighbours != row][: traffic.K].tolist())
        for row, neighbours in zip(rows, lists, strict=True)
    ]


def _exact_by_score(generation: Generation, exact: list[set[int]], rows: Rows) -> list[set[int]]:
    """The K best rows by our full score (co-visits included) over all items."""
    scorer = generation.scorer
    ranked = (
        scorer.score_item(int(row), np.array(sorted(best), np.int64), traffic.K)
        for row, best in zip(rows, exact, strict=True)
    )
    return [set(neighbours.rows.tolist()) for neighbours in ranked]


def _index_results(generation: Generation, rows: Rows) -> list[set[int]]:
    scorer, index = generation.scorer, generation.index
    return [
        set(index.search(scorer.query_vector(scorer.item_query(int(row))), traffic.K + 1).tolist())
        - {int(row)}
        for row in rows
    ]


def min_effort(peer: Peer, rows: Rows, exact: list[set[int]], bound: float) -> int:
    """The lowest effort within `_RECALL_TOLERANCE` of the best recall that does not exceed `bound`."""
    reached: dict[int, float] = {}
    for effort in _EFFORTS:
        peer.set_effort(effort)
        retrieved = [set(peer.search(int(row), traffic.K)[0].tolist()) for row in rows]
        reached[effort] = recall(retrieved, exact)
        if reached[effort] > bound:
            break
    eligible = {effort: value for effort, value in reached.items() if value <= bound}
    best = max(eligible.values(), default=1.0)
    return next(
        (effort for effort, value in eligible.items() if value >= best - _RECALL_TOLERANCE), _EFFORTS[0]
    )


def _served_rows(port: int, generation: Generation, paths: list[str]) -> list[set[int | None]]:
    row_of = generation.catalogue.row
    responses = (get(port, path).json() for path in paths)
    return [{row_of(item["item_id"]) for item in response["items"]} for response in responses]


BENCHMARKS = [Benchmark(["peer_hnswlib"], _hnswlib), Benchmark(["peer_implicit"], _implicit)]
