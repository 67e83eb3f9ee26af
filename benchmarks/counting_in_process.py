"""What counting costs without sockets and neighbours: python -m benchmarks.counting_in_process.

Both applications in one process, asked in turns of a few milliseconds (A B, B A, …), processor time of the
one thread: what else the machine does meets both alike. `python -m benchmarks.accounting` is the same over
sockets.
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

from benchmarks.in_process import _microseconds, _started
from benchmarks.servers.ours import app
from benchmarks.speed import paths
from benchmarks.speed.built_index import built_index
from benchmarks.speed.rig import load_hot_lists, own_redis
from hybrid_recs.settings import Settings

_BUILT = Path(__file__).parents[1] / "var" / "bench"
_REQUESTS = 320


async def _ratios(settings: Settings, asked: list[str], turns: int) -> list[float]:
    """Processor time of a request without counting over that with them, pair by pair."""
    async with AsyncExitStack() as stack:
        both = {accounting: app(settings, accounting) for accounting in (True, False)}
        for one in both.values():
            await stack.enter_async_context(_started(one))  # type: ignore[arg-type]
            await _microseconds(one, asked, 5, 1_920)  # type: ignore[arg-type]
        gc.collect()
        found = []
        for _, first in zip(range(turns), cycle((True, False)), strict=False):
            cost = {}
            for accounting in (first, not first):
                # The median of three: what disturbs one of them is not what is asked about.
                _, cost[accounting], _ = await _microseconds(both[accounting], asked, 3, _REQUESTS)  # type: ignore[arg-type]
            found.append(cost[False] / cost[True])
        return found


@click.command(help=__doc__)
@click.option("--items", default=20_000, show_default=True, help="size of the synthetic catalogue")
@click.option("--built", type=click.Path(path_type=Path), default=_BUILT, help="where indexes are kept")
@click.option("--reuse", is_flag=True, help="take the built index as it is")
@click.option("--turns", default=600, show_default=True, help="pairs")
def main(items: int, built: Path, reuse: bool, turns: int) -> None:
    """Measure and print."""
    index, folder = built_index(built, items, 1, reuse), Path(tempfile.mkdtemp(prefix="hr-counting-"))
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with own_redis(folder) as url:
        load_hot_lists(url, index.current)
        asked = paths.paths_of(index.current, paths.hot(index.current, 50))
        settings = Settings(index_dir=index.folder, redis_url=url, var_dir=folder)
        started = time.monotonic()
        low, middle, high = quantiles(uvloop.run(_ratios(settings, asked, turns)), n=4)
    click.echo(
        f"hot, from memory: {middle:.3f} × (quartiles {low:.3f} to {high:.3f}) of {turns} pairs, "
        f"{time.monotonic() - started:.0f} s"
    )


if __name__ == "__main__":
    main()
