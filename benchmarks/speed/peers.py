"""Live search beside two libraries behind a FastAPI route: same items, same vectors, same k, tail items.

The peer searches with the least effort that gives it, to within 0.003, the most recall@10 that is not above
that of our index, both on the same items. What is then served is compared with exact search, each with the
exact ranking by its own score.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import numpy as np

from benchmarks.ports import get
from benchmarks.servers.items import indexed, queries
from benchmarks.servers.peer import Peer
from benchmarks.servers.process import comparator
from benchmarks.speed import paths
from benchmarks.speed.live import tail_paths
from benchmarks.speed.rig import Rig
from benchmarks.speed.rows import Part, Row, at_least
from benchmarks.speed.turns import ratio
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.vector_index import ExactIndex
from hybrid_recs.types import Floats, Rows

_EFFORTS = (1, 2, 3, 4, 6, 8, 11, 14, 17, 20, 24, 28, 32, 40, 48, 64, 80, 96, 128, 160, 200, 256, 384)
_ALIKE = 0.003
_SAMPLE = 500


def _hnswlib(rig: Rig) -> Iterator[Row]:
    from benchmarks.servers.hnswlib_peer import Hnswlib

    generation = rig.small.current
    index = generation.parents[2] / f"hnswlib-{generation.name}.bin"
    if not index.exists():
        Hnswlib.build(generation, index)
    peer = Hnswlib.open(generation, index, 1)
    yield _beside(rig, "hnswlib", peer, indexed(generation), {"index": index})


def _implicit(rig: Rig) -> Iterator[Row]:
    from benchmarks.servers.implicit_peer import Implicit

    generation = rig.small.current
    yield _beside(rig, "implicit", Implicit.open(generation, 1), queries(generation), {})


def _beside(rig: Rig, name: str, peer: Peer, ranked: Floats, options: dict[str, Path]) -> Row:
    """ranked: the vectors (n × d) that the peer ranks by."""
    generation = Generation.open(rig.small.current)
    rows = paths.tail(rig.small.current, _SAMPLE, seed=2)
    asked = paths.paths_of(rig.small.current, rows)
    exact, ours_exact = (_exact(generation, by, rows) for by in (ranked, indexed(rig.small.current)))
    searched = recall(_of_index(generation, rows), ours_exact)
    effort = least_effort(peer, rows, exact, searched)
    log = rig.folder / f"{name}.log"
    with (
        rig.service(rig.small, rising_max_items=0) as ours,
        comparator(name, log, generation=rig.small.current, effort=effort, **options) as theirs,
    ):
        figures, absolute = rig.in_turns({"ours": ours, name: theirs}, tail_paths(rig.small))
        recalls = {
            "ours": recall(_served(ours.port, generation, asked), _scored(generation, ours_exact, rows)),
            name: recall(_served(theirs.port, generation, asked), exact),
        }
    absolute |= {
        **{f"{who} recall@10 as served": round(value, 4) for who, value in recalls.items()},
        "our index's recall@10": round(searched, 4),
        "its effort": effort,
        "items": len(generation.catalogue),
    }
    figure, no_lower = ratio(figures, "ours", name), recalls["ours"] >= recalls[name]
    return at_least(f"peer_{name}", f"live: throughput over {name}", figure, 1, absolute, no_lower)


def recall(found: Sequence[AbstractSet[int | None]], exact: list[set[int]]) -> float:
    """Share of the exact rows that were found."""
    return sum(len(f & e) for f, e in zip(found, exact, strict=True)) / sum(map(len, exact))


def _exact(generation: Generation, ranked: Floats, rows: Rows) -> list[set[int]]:
    """The K best rows by inner product with the item's vector, itself left out."""
    found = ExactIndex(ranked).search_many(np.ascontiguousarray(generation.scorer.vectors[rows]), paths.K + 1)
    return [set(line[line != row][: paths.K].tolist()) for row, line in zip(rows, found, strict=True)]


def _scored(generation: Generation, exact: list[set[int]], rows: Rows) -> list[set[int]]:
    """The K best rows by our whole score, co-visits included, over all items."""
    scorer = generation.scorer
    ranked = (
        scorer.score_item(int(row), np.array(sorted(best), np.int64), paths.K)
        for row, best in zip(rows, exact, strict=True)
    )
    return [set(neighbours.rows.tolist()) for neighbours in ranked]


def _of_index(generation: Generation, rows: Rows) -> list[set[int]]:
    scorer, index = generation.scorer, generation.index
    return [
        set(index.search(scorer.query(scorer.one(int(row))), paths.K + 1).tolist()) - {int(row)}
        for row in rows
    ]


def least_effort(peer: Peer, rows: Rows, exact: list[set[int]], bound: float) -> int:
    """The least that is within `_ALIKE` of the best recall that is not above `bound`."""
    reached: dict[int, float] = {}
    for effort in _EFFORTS:
        peer.set_effort(effort)
        found = [set(peer.search(int(row), paths.K)[0].tolist()) for row in rows]
        reached[effort] = recall(found, exact)
        if reached[effort] > bound:
            break
    eligible = {effort: value for effort, value in reached.items() if value <= bound}
    best = max(eligible.values(), default=1.0)
    return next((effort for effort, value in eligible.items() if value >= best - _ALIKE), _EFFORTS[0])


def _served(port: int, generation: Generation, asked: list[str]) -> list[set[int | None]]:
    row_of = generation.catalogue.row
    answers = (get(port, path).json() for path in asked)
    return [{row_of(item["item_id"]) for item in answer["items"]} for answer in answers]


PARTS = [Part(["peer_hnswlib"], _hnswlib), Part(["peer_implicit"], _implicit)]
