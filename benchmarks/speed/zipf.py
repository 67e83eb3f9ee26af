"""Realistic traffic on the large catalogue: items drawn by Zipf's law (s = 1), 1 % hot, defaults throughout.

zipf_tutorial: throughput over the tutorial service, both with their lists in the same Redis.
zipf_tail: p99 over p50 at half of the throughput just measured. Requests are due at even times fixed
beforehand, and latency counts from when they were due. The same with arrivals at random (Poisson) is told,
not judged.
"""

from collections.abc import Iterator
from statistics import median

from benchmarks import cores
from benchmarks.load.client import Client
from benchmarks.load.outcome import Load
from benchmarks.speed import paths
from benchmarks.speed.hot import tutorial_service
from benchmarks.speed.rig import Rig
from benchmarks.speed.rows import Part, Row, at_least, at_most
from benchmarks.speed.turns import ratio

_DRAWN = 300_000
_CONNECTIONS = 64


def _zipf(rig: Rig) -> Iterator[Row]:
    generation = rig.large.current
    asked = paths.paths_of(generation, paths.zipf(generation, _DRAWN))
    with rig.service(rig.large) as ours, tutorial_service(rig, generation) as plain:
        figures, absolute = rig.in_turns({"ours": ours, "tutorial": plain}, asked)
        what = "Zipf traffic, 1 % hot: throughput over tutorial"
        figure, absolute = ratio(figures, "ours", "tutorial"), absolute | {"items": rig.large.items}
        yield at_least("zipf_tutorial", what, figure, 4, absolute)
        yield _tail(rig, ours.port, median(figures["ours"]) / 2)


def _tail(rig: Rig, port: int, rate: float) -> Row:
    generation = rig.large.current
    asked = paths.paths_of(generation, paths.zipf(generation, _DRAWN, seed=1))
    even, at_random = (
        [_open_loop(rig, port, asked, rate, n, r) for n in range(rig.pace.rounds)] for r in (False, True)
    )
    figure = median(load.p99_ms / load.p50_ms for load in even)
    errors = sum(load.errors for load in even)
    absolute = {
        "requests/s": round(rate),
        "p50 ms": round(median(load.p50_ms for load in even), 3),
        "p99 ms": round(median(load.p99_ms for load in even), 3),
        "arrivals at random p50 ms": round(median(load.p50_ms for load in at_random), 3),
        "arrivals at random p99 ms": round(median(load.p99_ms for load in at_random), 3),
        "errors": errors,
    }
    what = "the same, open loop at half of saturation: p99 over p50"
    return at_most("zipf_tail", what, figure, 5, absolute, also=errors == 0)


def _open_loop(rig: Rig, port: int, asked: list[str], rate: float, number: int, at_random: bool) -> Load:
    """One round; every round asks for other items of the stream."""
    count = round(rate * rig.pace.seconds)
    start = (2 * number + at_random) * count % max(1, len(asked) - count)
    with cores.on(cores.CLIENT):
        client = Client(port, asked[start : start + count], _CONNECTIONS)
        return client.open_loop(rate, rig.pace.seconds, at_random, seed=number).load()


PARTS = [Part(["zipf_tutorial", "zipf_tail"], _zipf)]
