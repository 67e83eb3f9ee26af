"""The cost of counting requests: throughput with and without it: python -m benchmarks.counting_overhead.

Two services of the same code on the same core, measured in interleaved rounds (A B, B A, …): one as it is
served, one whose recorder discards everything. Also the CPU time per request, which is more telling on a busy
machine. `python -m benchmarks.counting_overhead_in_process` measures the same without sockets.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import click

from benchmarks.load import RequestStream, closed_loop, load_generator
from benchmarks.servers.launcher import comparator
from benchmarks.speed import traffic
from benchmarks.speed.built_index import BuiltIndex, built_index
from benchmarks.speed.harness import cpu_seconds, load_hot_lists, own_redis
from hybrid_recs.types import Rows

MIN_RATIO = 0.97
_BUILT = Path(__file__).parents[1] / "var" / "bench"


def _traffic_kinds(generation: Path) -> dict[str, tuple[Rows, int]]:
    """Kind → requested rows, and MB of the worker's local cache."""
    return {
        "hot, from memory": (traffic.hot_rows(generation, 50), 64),
        "hot, from Redis each time": (traffic.hot_rows(generation, 5_000), 0),
        "Zipf traffic": (traffic.zipf_rows(generation, 100_000), 64),
    }


@dataclass(slots=True)
class RoundFigures:
    """Per service and round: requests per second, and CPU microseconds per request."""

    rates: dict[str, list[float]] = field(default_factory=lambda: {"with": [], "without": []})
    cpu_microseconds: dict[str, list[float]] = field(default_factory=lambda: {"with": [], "without": []})

    def summary(self) -> tuple[float, str]:
        """Median ratio of throughputs (with counting over without) over the pairs, and a line to print."""
        rates = [a / b for a, b in zip(self.rates["with"], self.rates["without"], strict=True)]
        cpu = self.cpu_microseconds
        cpu_ratios = [b / a for a, b in zip(cpu["with"], cpu["without"], strict=True)]
        medians = {name: median(values) for name, values in self.rates.items()}
        line = f"{medians['with']:,.0f} requests/s with, {medians['without']:,.0f} without: {_spread(rates)}"
        return median(rates), f"{line}; by CPU time per request {_spread(cpu_ratios)}"


def _spread(ratios: list[float]) -> str:
    low, middle, high = quantiles(ratios, n=4)
    return f"{middle:.3f} × (quartiles {low:.3f} to {high:.3f})"


def _measure_interleaved(
    figures: RoundFigures,
    index: BuiltIndex,
    url: str,
    paths: list[str],
    local_mb: int,
    rounds: int,
    seconds: int,
    control: bool,
) -> None:
    """Rounds A B, B A, A B, …, so that an effect of being second in a pair affects both services.

    Starts each service once: two processes of the same code differ by some percent as long as they live.
    """
    folder = Path(tempfile.mkdtemp(prefix="hr-counting-"))
    options = {"index_dir": index.folder, "redis_url": url, "local_cache_mb": local_mb}
    with_log, without_log = folder / "with.log", folder / "without.log"
    with (
        comparator("ours", with_log, counting="on", var_dir=folder / "on", **options) as counting,
        comparator(
            "ours", without_log, counting="on" if control else "off", var_dir=folder / "off", **options
        ) as other,
    ):
        servers = {"with": (counting, RequestStream(paths)), "without": (other, RequestStream(paths))}
        for number in range(-1, rounds):  # the first pair warms up
            for name in sorted(servers, reverse=bool(number % 2)):
                server, stream = servers[name]
                before = cpu_seconds(server.pid)
                load = closed_loop(server.port, stream, seconds)
                if number >= 0:
                    figures.rates[name].append(load.rate)
                    cpu = cpu_seconds(server.pid) - before
                    figures.cpu_microseconds[name].append(cpu / load.requests * 1e6)


@click.command(help=__doc__)
@click.option("--items", default=20_000, show_default=True, help="size of the synthetic catalogue")
@click.option("--built", type=click.Path(path_type=Path), default=_BUILT, help="folder of the built indexes")
@click.option("--reuse", is_flag=True, help="use the built index even if the code has changed since")
@click.option("--starts", default=8, show_default=True, help="starts of both services")
@click.option("--rounds", default=4, show_default=True, help="rounds of each service after every start")
@click.option("--seconds", default=1, show_default=True, help="length of a round")
@click.option("--only", help="one kind of traffic, by its name")
@click.option("--control", is_flag=True, help="count in both services: shows the random part of a ratio")
def main(
    items: int,
    built: Path,
    reuse: bool,
    starts: int,
    rounds: int,
    seconds: int,
    only: str | None,
    control: bool,
) -> None:
    """Measure and print; exit status 1 if a median is below the target."""
    index = built_index(built, items, 1, reuse)
    click.echo(
        f"{items:,} items, {starts} starts, {rounds} rounds of {seconds} s each, load by {load_generator()}"
    )
    too_slow = False
    with own_redis(Path(tempfile.mkdtemp(prefix="hr-counting-"))) as url:
        load_hot_lists(url, index.current)
        for name, (rows, local_mb) in _traffic_kinds(index.current).items():
            if only in (None, name):
                paths = traffic.request_paths(index.current, rows)
                figures = RoundFigures()
                for _ in range(starts):
                    _measure_interleaved(figures, index, url, paths, local_mb, rounds, seconds, control)
                ratio, line = figures.summary()
                too_slow |= ratio < MIN_RATIO
                click.echo(f"{name}: {line}")
    if too_slow:
        raise click.ClickException(f"below {MIN_RATIO} ×")


if __name__ == "__main__":
    main()
