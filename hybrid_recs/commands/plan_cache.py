"""`hybrid-recs plan`, also run as `make plan-cache`."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import click
import orjson
import redis
from rich.console import Console

from hybrid_recs import wiring
from hybrid_recs.cache.client import UNREACHABLE, connect
from hybrid_recs.errors import HybridRecsError, NoGenerationError, RedisServerError
from hybrid_recs.reports.planner import gather, render
from hybrid_recs.reports.planner.access_log import item_requests
from hybrid_recs.reports.planner.plan import Plan
from hybrid_recs.settings import Settings
from hybrid_recs.telemetry.window import parse_window

_HELP = """How large the hot set should be.

Prints the hit rate for each number of items with a precomputed list, its memory in Redis, and the live search
that it saves. Requests come from one of

\b
  the service's counters     hybrid-recs plan --window 7d
  an access log              hybrid-recs plan --log access.log
  a dataset, before traffic  hybrid-recs plan --dataset dataset.toml

A log is in common or combined format (only …/recommendations?item_id= counts), or has one item id per line.

\b
How to read it
  static              the most popular items before the window, as in a rebuild
  static + rising     plus the items that the service admits after 16 requests
  hindsight           the best possible set; the gap to static is the cost of drift
  lru, lfu            a cache of that size that is filled by the requests
  knee                beyond it, an item adds less than items do on average
  target              the fewest items with that hit rate; TARGET is a share of all requests

A cache is only worth it if a cached answer is faster than a live one; the last line says so if it is not. To
change the size, set HYBRID_RECS_HOT_SHARE and HYBRID_RECS_HOT_MAX_ITEMS, then run make rebuild-index.
"""


@click.command("plan", help=_HELP)
@click.option(
    "--window", default="24h", show_default=True, help="how far back the counters are read; at most 8d"
)
@click.option(
    "--log", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="an access log, .gz too"
)
@click.option("--dataset", type=click.Path(path_type=Path, exists=True), help="a dataset.toml")
@click.option("--data-dir", type=click.Path(path_type=Path), help="folder that its relative paths start from")
@click.option("--target", type=click.FloatRange(0, 1, min_open=True), default=0.9, show_default=True)
@click.option(
    "--size", "sizes", type=click.IntRange(0), multiple=True, help="also list this size in the table"
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "md"]), default="text", show_default=True
)
def command(
    window: str,
    log: Path | None,
    dataset: Path | None,
    data_dir: Path | None,
    target: float,
    sizes: tuple[int, ...],
    form: str,
) -> None:
    """Make the plan and print it."""
    if log and dataset:
        raise click.UsageError("give --log or --dataset, not both")
    try:
        plan = _plan(Settings(), parse_window(window), log, dataset, data_dir, target, sizes)
    except (HybridRecsError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    if form == "text":
        render.print_plan(plan, Console(highlight=False))
    else:
        click.echo(
            render.plan_markdown(plan)
            if form == "md"
            else orjson.dumps(plan, option=orjson.OPT_INDENT_2).decode()
        )


def _plan(
    settings: Settings,
    seconds: int,
    log: Path | None,
    dataset: Path | None,
    data_dir: Path | None,
    target: float,
    sizes: tuple[int, ...],
) -> Plan:
    generation, times = wiring.store(settings).open_current_if_any(), None
    with _redis(settings) as client:
        if log:
            traffic = gather.traffic_from_log(item_requests(log), generation, log.name)
        elif dataset:
            traffic = gather.traffic_from_dataset(_interactions(dataset, data_dir), dataset.name)
        elif generation is None:
            raise NoGenerationError(
                "no generation is published, so there are no counters; try --log or --dataset"
            )
        elif client is None:
            raise RedisServerError("the counters are in Redis, which is unreachable; try --log or --dataset")
        else:
            keys = wiring.keys(settings)
            traffic, times = gather.traffic_from_counters(client, keys, generation, seconds, time.time())
        return gather.make_plan(
            traffic,
            target,
            wiring.keys(settings),
            wiring.rising_after(settings),
            generation,
            client,
            times,
            further_sizes=sizes,
        )


@contextlib.contextmanager
def _redis(settings: Settings) -> Iterator[redis.Redis | None]:
    """A client, or None if Redis is unreachable: only the counters need it."""
    try:
        client = connect(wiring.redis_url(settings))
        client.ping()
    except (*UNREACHABLE, RedisServerError):
        yield None
        return
    with client:
        yield client


def _interactions(dataset: Path, data_dir: Path | None) -> list[str]:
    # Polars takes half a second to load, and only this needs it.
    from hybrid_recs.offline.data.requests import all_requests
    from hybrid_recs.offline.sources.dataset_config import DatasetConfig

    return all_requests(DatasetConfig.load(dataset, data_dir))
