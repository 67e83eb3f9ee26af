"""Compare what Redis serves with what live search says: python -m jobs.audit; exit status 1 when a bound is
broken."""

import sys

import click
import orjson
from rich.console import Console

from hybrid_recs import wiring
from hybrid_recs.cache.client import UNREACHABLE, connect
from hybrid_recs.commands.error_messages import reported
from hybrid_recs.errors import RedisServerError
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.reports.parity_audit import Audit, Bounds, audit
from hybrid_recs.reports.terminal import print_audit
from hybrid_recs.settings import Settings

_SHARE = click.FloatRange(0, 1)


@click.command(help=__doc__)
@click.option(
    "--sample", type=click.IntRange(1), default=500, show_default=True, help="items looked at, of each kind"
)
@click.option(
    "--min-overlap", type=_SHARE, default=0.95, show_default=True, help="of cached and live tens, mean"
)
@click.option("--min-recall", type=_SHARE, default=0.95, show_default=True, help="of the index, in each band")
@click.option(
    "--max-missing", type=_SHARE, default=0.01, show_default=True, help="share of lists not in Redis"
)
@click.option("--max-score-difference", type=click.FloatRange(0), default=0.01, show_default=True)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def main(
    sample: int,
    min_overlap: float,
    min_recall: float,
    max_missing: float,
    max_score_difference: float,
    form: str,
) -> None:
    """Audit the serving generation and print what was found."""
    console = Console(highlight=False)
    with reported(console):
        found = run(Settings(), Bounds(min_overlap, min_recall, max_missing, max_score_difference), sample)
    if form == "json":
        sys.stdout.buffer.write(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        print_audit(found, console)
    sys.exit(1 if found.broken else 0)


def run(settings: Settings, bounds: Bounds, sample: int) -> Audit:
    """The audit of the generation that serves."""
    store = wiring.store(settings)
    generation = store.open_current()
    try:
        with connect(wiring.redis_url(settings)) as client:
            ttl = wiring.list_ttl_seconds(settings)
            overlay = wiring.overlay(settings, generation)
            recommender = Recommender(generation, overlay)
            return audit(client, wiring.keys(settings), recommender, ttl, bounds, sample, overlay.hidden)
    except UNREACHABLE as error:
        raise RedisServerError(f"the lists cannot be read: {error}") from error
