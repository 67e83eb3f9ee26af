"""Realistic traffic on the large catalogue: items drawn by Zipf's law (s = 1), 1 % hot, defaults throughout.

zipf_tutorial: throughput over the tutorial service, both with their lists in the same Redis.
zipf_tail: p99 over p50 at half of the throughput just measured. Requests are due at evenly spaced times fixed
beforehand, and latency counts from these times. The same with random (Poisson) arrivals is reported without a
target.
"""

from collections.abc import Iterator
from statistics import median

from benchmarks import cores
from benchmarks.load.client import Client
from benchmarks.load.exchanges import LoadSummary
from benchmarks.speed import traffic
from benchmarks.speed.harness import Harness
from benchmarks.speed.hot import tutorial_service
from benchmarks.speed.interleaving import ratio
from benchmarks.speed.results import Benchmark, Result, at_least, at_most

_DRAWN = 300_000
_CONNECTIONS = 64


def _zipf(harness: Harness) -> Iterator[Result]:
    generation = harness.large.current
    paths = traffic.request_paths(generation, traffic.zipf_rows(generation, _DRAWN))
    with harness.service(harness.large) as ours, tutorial_service(harness, generation) as tutorial_server:
        figures, absolute = harness.measure_interleaved({"ours": ours, "tutorial": tutorial_server}, paths)
        what = "Zipf traffic, 1 % hot: throughput over tutorial"
        figure, absolute = ratio(figures, "ours", "tutorial"), absolute | {"items": harness.large.items}
        yield at_least("zipf_tutorial", what, figure, 4, absolute)
        yield _tail(harness, ours.port, median(figures["ours"]) / 2)


def _tail(harness: Harness, port: int, rate: float) -> Result:
    generation = harness.large.current
    paths = traffic.request_paths(generation, traffic.zipf_rows(generation, _DRAWN, seed=1))
    even, poisson = (
        [_open_loop(harness, port, paths, rate, number, is_poisson) for number in range(harness.run.rounds)]
        for is_poisson in (False, True)
    )
    figure = median(load.p99_ms / load.p50_ms for load in even)
    errors = sum(load.errors for load in even)
    absolute = {
        "requests/s": round(rate),
        "p50 ms": round(median(load.p50_ms for load in even), 3),
        "p99 ms": round(median(load.p99_ms for load in even), 3),
        "arrivals at random p50 ms": round(median(load.p50_ms for load in poisson), 3),
        "arrivals at random p99 ms": round(median(load.p99_ms for load in poisson), 3),
        "errors": errors,
    }
    what = "the same, open loop at half of saturation: p99 over p50"
    return at_most("zipf_tail", what, figure, 5, absolute, also=errors == 0)


def _open_loop(
    harness: Harness, port: int, paths: list[str], rate: float, number: int, poisson: bool
) -> LoadSummary:
    """One round; every round requests a different part of the paths."""
    count = round(rate * harness.run.seconds)
    start = (2 * number + poisson) * count % max(1, len(paths) - count)
    with cores.pinned_to(cores.CLIENT):
        client = Client(port, paths[start : start + count], _CONNECTIONS)
        return client.open_loop(rate, harness.run.seconds, poisson, seed=number).summary()


BENCHMARKS = [Benchmark(["zipf_tutorial", "zipf_tail"], _zipf)]
