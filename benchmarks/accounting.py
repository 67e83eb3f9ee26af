"""What counting costs: throughput with and without accounting, side by side: python -m benchmarks.accounting.

Two services of the same code on the same core, in turns (A B, B A, …): one as it is served, one whose
counters take nothing down. Also processor time a request, which says more where others are at work on the
machine.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import click

from benchmarks.load import Stream, closed_loop, tool
from benchmarks.servers.process import comparator
from benchmarks.speed import paths
from benchmarks.speed.built_index import BuiltIndex, built_index
from benchmarks.speed.rig import cpu_seconds, load_hot_lists, own_redis
from hybrid_recs.types import Rows

AIM = 0.97
_BUILT = Path(__file__).parents[1] / "var" / "bench"


def _kinds(generation: Path) -> dict[str, tuple[Rows, int]]:
    """Which rows are asked for, and MB of the worker's own memory."""
    return {
        "hot, from memory": (paths.hot(generation, 50), 64),
        "hot, from Redis each time": (paths.hot(generation, 5_000), 0),
        "Zipf traffic": (paths.zipf(generation, 100_000), 64),
    }


@dataclass(slots=True)
class Rounds:
    """Of each service: requests a second, and processor microseconds a request, round by round."""

    rates: dict[str, list[float]] = field(default_factory=lambda: {"with": [], "without": []})
    spent: dict[str, list[float]] = field(default_factory=lambda: {"with": [], "without": []})

    def told(self) -> tuple[float, str]:
        """The ratio of throughputs, the median over the pairs, and a line."""
        rates = [a / b for a, b in zip(self.rates["with"], self.rates["without"], strict=True)]
        spent = [b / a for a, b in zip(self.spent["with"], self.spent["without"], strict=True)]
        middles = {name: median(values) for name, values in self.rates.items()}
        line = f"{middles['with']:,.0f} requests/s with, {middles['without']:,.0f} without: {_spread(rates)}"
        return median(rates), f"{line}; by processor time a request {_spread(spent)}"


def _spread(ratios: list[float]) -> str:
    low, middle, high = quantiles(ratios, n=4)
    return f"{middle:.3f} × (quartiles {low:.3f} to {high:.3f})"


def _in_turns(
    found: Rounds,
    index: BuiltIndex,
    url: str,
    asked: list[str],
    local_mb: int,
    rounds: int,
    seconds: int,
    control: bool,
) -> None:
    """A B, B A, A B, …: whatever it does to a server to be the second of a pair, it does to both.

    One start of each: two processes of the same code differ by some percent for as long as they live.
    """
    folder = Path(tempfile.mkdtemp(prefix="hr-accounting-"))
    options = {"index_dir": index.folder, "redis_url": url, "local_cache_mb": local_mb}
    one_log, two_log = folder / "with.log", folder / "without.log"
    with (
        comparator("ours", one_log, accounting="on", var_dir=folder / "on", **options) as one,
        comparator(
            "ours", two_log, accounting="on" if control else "off", var_dir=folder / "off", **options
        ) as two,
    ):
        servers = {"with": (one, Stream(asked)), "without": (two, Stream(asked))}
        for number in range(-1, rounds):  # the first pair warms up
            for name in sorted(servers, reverse=bool(number % 2)):
                server, stream = servers[name]
                before = cpu_seconds(server.pid)
                load = closed_loop(server.port, stream, seconds)
                if number >= 0:
                    found.rates[name].append(load.rate)
                    found.spent[name].append((cpu_seconds(server.pid) - before) / load.requests * 1e6)


@click.command(help=__doc__)
@click.option("--items", default=20_000, show_default=True, help="size of the synthetic catalogue")
@click.option("--built", type=click.Path(path_type=Path), default=_BUILT, help="where indexes are kept")
@click.option("--reuse", is_flag=True, help="take the built index as it is")
@click.option("--starts", default=8, show_default=True, help="of both services")
@click.option("--rounds", default=4, show_default=True, help="of each, in turns, after every start")
@click.option("--seconds", default=1, show_default=True, help="of a round")
@click.option("--only", help="one kind of traffic, by its name")
@click.option("--control", is_flag=True, help="both with accounting: how much of a ratio is chance")
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
    """Measure and print; exit status 1 when a median is below the aim."""
    index = built_index(built, items, 1, reuse)
    click.echo(f"{items:,} items, {starts} starts, {rounds} rounds of {seconds} s each, load by {tool()}")
    broken = False
    with own_redis(Path(tempfile.mkdtemp(prefix="hr-accounting-"))) as url:
        load_hot_lists(url, index.current)
        for name, (rows, local_mb) in _kinds(index.current).items():
            if only in (None, name):
                asked = paths.paths_of(index.current, rows)
                found = Rounds()
                for _ in range(starts):
                    _in_turns(found, index, url, asked, local_mb, rounds, seconds, control)
                over, line = found.told()
                broken |= over < AIM
                click.echo(f"{name}: {line}")
    if broken:
        raise click.ClickException(f"below {AIM} ×")


if __name__ == "__main__":
    main()
