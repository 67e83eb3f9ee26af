"""Measure every speed claim against its comparator: python -m benchmarks.bench.

Builds synthetic catalogues of 100 k and 1 M items × 128 dimensions with the real job (kept in var/bench),
runs the benchmarks of benchmarks/speed on real programs over loopback, and writes docs/benchmarks/speed.md
and benchmarks/results.json. --quick: small catalogues, few rounds; prints the table and writes nothing.
"""

import dataclasses
import os
import shutil
import tempfile
import time
from pathlib import Path

import click

from benchmarks.speed import hot, live, machine, peers, redis_server, report, startup_and_memory, swap, zipf
from benchmarks.speed.built_index import built_index
from benchmarks.speed.harness import FULL, QUICK, Harness, own_redis
from benchmarks.speed.results import Result, run_benchmark

_ROOT = Path(__file__).parents[1]
PAGE = _ROOT / "docs" / "benchmarks" / "speed.md"
DATA = _ROOT / "benchmarks" / "results.json"
BENCHMARKS = [
    *hot.BENCHMARKS,
    *live.BENCHMARKS,
    *zipf.BENCHMARKS,
    *peers.BENCHMARKS,
    *startup_and_memory.BENCHMARKS,
    *redis_server.BENCHMARKS,
    *swap.BENCHMARKS,
]
RESULT_IDS = [id_ for benchmark in BENCHMARKS for id_ in benchmark.ids]


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="20 k and 50 k items, 2 rounds of 1 s")
@click.option("--small", type=int, help="items of the small catalogue [100000]")
@click.option("--large", type=int, help="items of the large catalogue [1000000]")
@click.option("--rounds", type=int, help="rounds of a measurement [5]")
@click.option("--seconds", type=int, help="length of a round [2]")
@click.option("--only", multiple=True, type=click.Choice(RESULT_IDS), help="only these rows; writes nothing")
@click.option("--reuse", is_flag=True, help="use the built indexes even if the code has changed since")
@click.option(
    "--built",
    type=click.Path(path_type=Path),
    default=_ROOT / "var" / "bench",
    help="folder of the built indexes",
)
def main(
    quick: bool,
    small: int | None,
    large: int | None,
    rounds: int | None,
    seconds: int | None,
    only: tuple[str, ...],
    reuse: bool,
    built: Path,
) -> None:
    for name in [name for name in os.environ if name.startswith("HYBRID_RECS_")]:
        del os.environ[name]  # a developer's own settings must not affect the measurement
    small, large = small or (20_000 if quick else 100_000), large or (50_000 if quick else 1_000_000)
    run, folder = QUICK if quick else FULL, Path(tempfile.mkdtemp(prefix="hr-bench-"))
    try:
        with own_redis(folder) as url:
            harness = Harness(
                small=built_index(built, small, 2, reuse),
                large=built_index(built, large, 1, reuse),
                redis_url=url,
                folder=folder,
                run=dataclasses.replace(run, rounds=rounds or run.rounds, seconds=seconds or run.seconds),
            )
            machine_info, started = machine.machine(), time.perf_counter()
            results = measure(harness, only)
            click.echo(f"\n{report.table(results)}\n{report.absolutes(results)}")
            click.echo(f"measured in {time.perf_counter() - started:.0f} s")
            if not quick and not only:
                report.write(PAGE, DATA, results, machine_info, machine.versions(url))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(harness: Harness, only: tuple[str, ...] = ()) -> list[Result]:
    """Run the benchmarks; print each result as soon as it is there."""
    results, started = [], time.perf_counter()
    for benchmark in BENCHMARKS:
        if only and not set(only) & set(benchmark.ids):
            continue
        for result in run_benchmark(benchmark, harness):
            outcome = result.error or f"{result.figure:g} {result.unit} ({result.target})"
            click.echo(f"{time.perf_counter() - started:4.0f} s  {result.id}: {outcome}")
            results.append(result)
    return results


if __name__ == "__main__":
    main()
