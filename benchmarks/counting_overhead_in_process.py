"""The cost of counting requests without sockets: python -m benchmarks.counting_overhead_in_process.

Both applications run in one process and are measured in interleaved rounds of a few milliseconds (A B, B A,
…), by the CPU time of the one thread, so that other load on the machine affects both alike. `python -m
benchmarks.counting_overhead` measures the same over sockets.
"""

import gc
import os
import tempfile
import time
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path
from statistics import quantiles

import click
import uvloop

from benchmarks.in_process import lifespan, request_microseconds
from benchmarks.servers.ours import app
from benchmarks.speed import traffic
from benchmarks.speed.built_index import built_index
from benchmarks.speed.harness import load_hot_lists, own_redis
from hybrid_recs.settings import Settings

_BUILT = Path(__file__).parents[1] / "var" / "bench"
_REQUESTS = 320


async def _ratios(settings: Settings, paths: list[str], turns: int) -> list[float]:
    """CPU time of a request without counting over that with it, pair by pair."""
    async with AsyncExitStack() as stack:
        applications = {counting: app(settings, counting) for counting in (True, False)}
        for application in applications.values():
            await stack.enter_async_context(lifespan(application))
            await request_microseconds(application, paths, 5, 1_920)
        gc.collect()
        ratios = []
        for _, first in zip(range(turns), cycle((True, False)), strict=False):
            cost = {}
            for counting in (first, not first):
                # The median of three, so that a disturbance of one of them does not count.
                _, cost[counting], _ = await request_microseconds(applications[counting], paths, 3, _REQUESTS)
            ratios.append(cost[False] / cost[True])
        return ratios


@click.command(help=__doc__)
@click.option("--items", default=20_000, show_default=True, help="size of the synthetic catalogue")
@click.option("--built", type=click.Path(path_type=Path), default=_BUILT, help="folder of the built indexes")
@click.option("--reuse", is_flag=True, help="use the built index even if the code has changed since")
@click.option("--turns", default=600, show_default=True, help="number of pairs")
def main(items: int, built: Path, reuse: bool, turns: int) -> None:
    index, folder = built_index(built, items, 1, reuse), Path(tempfile.mkdtemp(prefix="hr-counting-"))
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with own_redis(folder) as url:
        load_hot_lists(url, index.current)
        paths = traffic.request_paths(index.current, traffic.hot_rows(index.current, 50))
        settings = Settings(index_dir=index.folder, redis_url=url, var_dir=folder)
        started = time.monotonic()
        low, middle, high = quantiles(uvloop.run(_ratios(settings, paths, turns)), n=4)
    click.echo(
        f"hot, from memory: {middle:.3f} × (quartiles {low:.3f} to {high:.3f}) of {turns} pairs, "
        f"{time.monotonic() - started:.0f} s"
    )


if __name__ == "__main__":
    main()
