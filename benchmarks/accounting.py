"""What the books cost: throughput with and without accounting, side by side: python -m benchmarks.accounting.

Two services of the same code on the same core, in turns (A B, B A, …): one as it is served, one whose books
take nothing down. Also processor time a request, which says more where others are at work on the machine.
"""

import tempfile
from pathlib import Path
from statistics import median

import click

from benchmarks.load import Stream, tool
from benchmarks.servers.process import comparator
from benchmarks.speed import paths
from benchmarks.speed.built_index import BuiltIndex, built_index
from benchmarks.speed.rig import Loaded, load_hot_lists, own_redis
from benchmarks.speed.turns import Rounds, ratio
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


def _in_turns(
    index: BuiltIndex, url: str, asked: list[str], local_mb: int, rounds: int, seconds: int
) -> tuple[Rounds, dict[str, float]]:
    """Requests a second by rounds, and processor microseconds a request."""
    folder = Path(tempfile.mkdtemp(prefix="hr-accounting-"))
    options = {"index_dir": index.folder, "redis_url": url, "local_cache_mb": local_mb}
    with (
        comparator("ours", folder / "with.log", accounting="on", var_dir=folder / "with", **options) as one,
        comparator(
            "ours", folder / "without.log", accounting="off", var_dir=folder / "off", **options
        ) as two,
    ):
        stream = {"with": Loaded(one, Stream(asked), seconds), "without": Loaded(two, Stream(asked), seconds)}
        figures = _take_turns(rounds, stream)
        return figures, {name: loaded.cpu_a_request * 1e6 for name, loaded in stream.items()}


def _take_turns(rounds: int, loaded: dict[str, Loaded]) -> Rounds:
    """A B, B A, A B, …: whatever it does to a server to be the second of a pair, it does to both."""
    for measure in loaded.values():
        measure()
    figures: Rounds = {name: [] for name in loaded}
    for number in range(rounds):
        for name in sorted(loaded, reverse=bool(number % 2)):
            figures[name].append(loaded[name]())
    return figures


@click.command(help=__doc__)
@click.option("--items", default=20_000, show_default=True, help="size of the synthetic catalogue")
@click.option("--built", type=click.Path(path_type=Path), default=_BUILT, help="where indexes are kept")
@click.option("--reuse", is_flag=True, help="take the built index as it is")
@click.option("--rounds", default=9, show_default=True, help="of each, in turns")
@click.option("--seconds", default=2, show_default=True, help="of a round")
@click.option("--only", help="one kind of traffic, by its name")
def main(items: int, built: Path, reuse: bool, rounds: int, seconds: int, only: str | None) -> None:
    """Measure and print; exit status 1 when a median is below the aim."""
    index = built_index(built, items, 1, reuse)
    click.echo(f"{items:,} items, {rounds} rounds of {seconds} s each, load by {tool()}")
    broken = False
    with own_redis(Path(tempfile.mkdtemp(prefix="hr-accounting-"))) as url:
        load_hot_lists(url, index.current)
        for name, (rows, local_mb) in _kinds(index.current).items():
            if only in (None, name):
                asked = paths.paths_of(index.current, rows)
                figures, cpu = _in_turns(index, url, asked, local_mb, rounds, seconds)
                over = ratio(figures, "with", "without")
                broken |= over < AIM
                rates = {of: median(values) for of, values in figures.items()}
                click.echo(
                    f"{name:26s} {rates['with']:8,.0f} with, {rates['without']:8,.0f} without: "
                    f"{over:.3f} ×; {cpu['with']:.1f} and {cpu['without']:.1f} µs of processor a request: "
                    f"{cpu['without'] / cpu['with']:.3f} ×"
                )
    if broken:
        raise click.ClickException(f"below {AIM} ×")


if __name__ == "__main__":
    main()
