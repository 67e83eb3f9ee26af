"""How long a large export takes to check: python -m benchmarks.read_data.

Writes a CSV file of interactions (by default 30 million rows), and runs in turns, each in its own process,

    a group-by of Polars     scan_csv(…).group_by("user", "item").agg(len, max(time)), streaming: no more than
                             the least that any reader of pairs has to do
    hybrid-recs check        the whole report

and prints seconds and peak memory of both, with the ratio of the medians. With --rebuild also the seconds of
`rebuild-index --dry-run`. Writes docs/benchmarks/reading.md unless another number of rows is given.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import polars as pl
from rich.console import Console

from benchmarks.tables import put_table
from hybrid_recs.commands.rebuild_index import try_rebuild
from hybrid_recs.offline.build.options import BuildOptions
from hybrid_recs.offline.check.inspection import inspect
from hybrid_recs.offline.check.render import render
from hybrid_recs.offline.memory import peak_mb
from hybrid_recs.offline.progress import Steps
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.settings import Settings

ROWS = 30_000_000
_CHUNK = 3_000_000
_USERS_SHARE, _ITEMS_SHARE = 0.1, 0.003  # ten rows a user, as shops have; people come back to what they know
_FAVOURITES = 12
_TOML = '[interactions]\npath = "log.csv"\nuser = "user"\nitem = "item"\ntime = "time"\n'
GROUP_BY, CHECK = "a group-by of Polars", "hybrid-recs check"


@click.command(help=__doc__)
@click.option("--rows", default=ROWS, show_default=True)
@click.option("--runs", default=3, show_default=True, help="of which the median counts")
@click.option("--rebuild", is_flag=True, help="also measure a dry run of a rebuild")
@click.option("--part", hidden=True, help="run one part in this process, over the folder --data")
@click.option("--data", hidden=True, type=click.Path(path_type=Path))
def main(rows: int, runs: int, rebuild: bool, part: str | None, data: Path | None) -> None:
    if part is not None and data is not None:
        click.echo(json.dumps(measure(part, data)))
        return
    console = Console(highlight=False, width=160)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = write_log(folder, rows)
        console.print(f"{rows:,} rows, {size / 1e9:.2f} GB")
        results: dict[str, list[list[float]]] = {GROUP_BY: [], CHECK: []}
        for _ in range(runs):
            for part_name, measured in results.items():
                measured.append(_in_own_process(part_name, folder))
                console.print(f"{part_name}: {measured[-1][0]:.1f} s, {measured[-1][1]:,.0f} MB")
        table = [_row(name, results) for name in results]
        if rebuild:
            seconds, mb = _in_own_process("rebuild-index --dry-run", folder)
            table.append(["rebuild-index --dry-run", f"{seconds:.0f} s", f"{mb:,.0f} MB", ""])
    head = [f"{rows:,} rows, {size / 1e9:.2f} GB", "seconds", "peak memory", "ratio"]
    put_table(console, "reading", head, table, write=rows == ROWS, page="reading.md")


def write_log(folder: Path, rows: int) -> int:
    """Write log.csv, with skewed users and items in the order of time, and its description; returns its
    bytes."""
    rng = np.random.default_rng(0)
    users, items = int(rows * _USERS_SHARE), int(rows * _ITEMS_SHARE)
    with (folder / "log.csv").open("wb") as file:
        for start in range(0, rows, _CHUNK):
            n = min(_CHUNK, rows - start)
            user = (users * rng.random(n) ** 2).astype(np.int64)
            favourite = (user * 7_919 + rng.integers(0, _FAVOURITES, n) * 104_729) % 1_000_003 / 1_000_003
            frame = pl.DataFrame(
                {
                    "user": user,
                    "item": (items * favourite**3).astype(np.int64),
                    "time": 1_700_000_000 + (start + np.arange(n)) * 1_000_000 // rows * 25,
                }
            )
            frame.select(
                user=pl.format("customer-{}", "user"),
                item=pl.format("sku-{}", "item"),
                time=pl.from_epoch("time").dt.strftime("%Y-%m-%d %H:%M:%S"),
                event=pl.lit("view"),
            ).write_csv(file, include_header=start == 0)
    (folder / "dataset.toml").write_text(_TOML)
    return (folder / "log.csv").stat().st_size


def measure(part: str, folder: Path) -> list[float]:
    """Seconds and peak MB of one part, in this process."""
    started = time.perf_counter()
    if part == GROUP_BY:
        scan = pl.scan_csv(folder / "log.csv")
        pairs = scan.group_by("user", "item").agg(pl.len(), pl.col("time").max())
        assert len(pairs.collect(engine="streaming"))
    elif part == CHECK:
        config, options = DatasetConfig.load(folder / "dataset.toml"), BuildOptions.from_settings(Settings())
        assert render(inspect(config, options), "text")
    else:
        settings = Settings(
            index_dir=folder / "index", var_dir=folder / "var", redis_url="redis://127.0.0.1:1/0"
        )
        steps = Steps(Console(stderr=True))
        try_rebuild(folder / "dataset.toml", None, settings, steps)
        return [time.perf_counter() - started, steps.peak_mb()]
    return [time.perf_counter() - started, peak_mb()]


def _in_own_process(part: str, folder: Path) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.read_data", "--part", part, "--data", str(folder)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: list[float] = json.loads(ended.stdout.splitlines()[-1])
    return measured


def _row(name: str, results: dict[str, list[list[float]]]) -> list[str]:
    seconds = {part: statistics.median(run[0] for run in runs) for part, runs in results.items()}
    mb = statistics.median(run[1] for run in results[name])
    ratio = f"{seconds[name] / seconds[GROUP_BY]:.2f}" if name != GROUP_BY else "1"
    return [name, f"{seconds[name]:.1f} s", f"{mb:,.0f} MB", ratio]


if __name__ == "__main__":
    main()
