"""Measures every speed claim beside what it is compared with: python -m benchmarks.bench.

Builds synthetic catalogues of 100 k and 1 M items × 128 dimensions by the real job (kept below var/bench),
measures the rows of benchmarks/speed on real programs over loopback, writes benchmarks/results.md and .json.
--quick: small catalogues, few rounds, prints the table and writes nothing.
"""

import dataclasses
import os
import shutil
import tempfile
import time
from pathlib import Path

import click

from benchmarks.speed import hot, live, machine, peers, process, redis_rows, report, swap, zipf
from benchmarks.speed.built_index import built_index
from benchmarks.speed.rig import FULL, QUICK, Rig, own_redis
from benchmarks.speed.rows import Row, run_part

_ROOT = Path(__file__).parents[1]
PARTS = [*hot.PARTS, *live.PARTS, *zipf.PARTS, *peers.PARTS, *process.PARTS, *redis_rows.PARTS, *swap.PARTS]
ORDER = [id_ for part in PARTS for id_ in part.ids]


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="20 k and 50 k items, 2 rounds of 1 s")
@click.option("--small", type=int, help="items of the small catalogue [100000]")
@click.option("--large", type=int, help="items of the large catalogue [1000000]")
@click.option("--rounds", type=int, help="rounds of a measurement [5]")
@click.option("--seconds", type=int, help="length of a round [2]")
@click.option("--only", multiple=True, type=click.Choice(ORDER), help="only these rows; writes nothing")
@click.option("--reuse", is_flag=True, help="take the built indexes as they are, whatever has changed since")
@click.option(
    "--built", type=click.Path(path_type=Path), default=_ROOT / "var" / "bench", help="where they are"
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
    """Build, measure, report."""
    for name in [name for name in os.environ if name.startswith("HYBRID_RECS_")]:
        del os.environ[name]  # a developer's own settings must not reach what is measured
    small, large = small or (20_000 if quick else 100_000), large or (50_000 if quick else 1_000_000)
    pace, folder = QUICK if quick else FULL, Path(tempfile.mkdtemp(prefix="hr-bench-"))
    try:
        with own_redis(folder) as url:
            rig = Rig(
                small=built_index(built, small, 2, reuse),
                large=built_index(built, large, 1, reuse),
                redis_url=url,
                folder=folder,
                pace=dataclasses.replace(pace, rounds=rounds or pace.rounds, seconds=seconds or pace.seconds),
            )
            found, started = machine.machine(), time.perf_counter()
            rows = measure(rig, only)
            click.echo(f"\n{report.table(rows)}\n{report.absolutes(rows)}")
            click.echo(f"measured in {time.perf_counter() - started:.0f} s")
            if not quick and not only:
                report.write(_ROOT / "benchmarks", rows, found, machine.versions(url))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(rig: Rig, only: tuple[str, ...] = ()) -> list[Row]:
    """All rows, each told as it is done."""
    rows, started = [], time.perf_counter()
    for part in PARTS:
        if only and not set(only) & set(part.ids):
            continue
        for row in run_part(part, rig):
            outcome = row.error or f"{row.figure:g} {row.unit} ({row.target})"
            click.echo(f"{time.perf_counter() - started:4.0f} s  {row.id}: {outcome}")
            rows.append(row)
    return rows


if __name__ == "__main__":
    main()
