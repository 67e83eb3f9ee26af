"""Compare the lists in Redis with live answers: python -m jobs.audit; exit status 1 if a bound is not met."""

import sys

import click
import orjson
from rich.console import Console

from hybrid_recs import wiring
from hybrid_recs.cache.client import UNREACHABLE, connect
from hybrid_recs.cache.redis_problems import describe
from hybrid_recs.commands.error_messages import print_errors
from hybrid_recs.errors import RedisServerError
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.reports.parity_audit import Audit, AuditBounds, audit
from hybrid_recs.reports.terminal import print_audit
from hybrid_recs.settings import Settings

_SHARE = click.FloatRange(0, 1)


@click.command(help=__doc__)
@click.option(
    "--sample",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="hot items, and items of each band, to sample",
)
@click.option(
    "--min-overlap",
    type=_SHARE,
    default=0.95,
    show_default=True,
    help="mean overlap of the first ten cached and live items",
)
@click.option(
    "--min-recall", type=_SHARE, default=0.95, show_default=True, help="recall of the index in each band"
)
@click.option(
    "--max-missing", type=_SHARE, default=0.01, show_default=True, help="share of lists missing in Redis"
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
    """Audit the serving generation and print the results."""
    console = Console(highlight=False)
    with print_errors(console):
        result = run(
            Settings(), AuditBounds(min_overlap, min_recall, max_missing, max_score_difference), sample
        )
    if form == "json":
        sys.stdout.buffer.write(orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        print_audit(result, console)
    sys.exit(1 if result.broken else 0)


def run(settings: Settings, bounds: AuditBounds, sample: int) -> Audit:
    """The audit of the generation in service."""
    store = wiring.store(settings)
    generation = store.open_current()
    try:
        with connect(wiring.redis_url(settings)) as client:
            ttl = wiring.list_ttl_seconds(settings)
            overlay = wiring.overlay(settings, generation)
            recommender = Recommender(generation, overlay)
            return audit(client, wiring.keys(settings), recommender, ttl, bounds, sample, overlay.hidden)
    except UNREACHABLE as error:
        raise RedisServerError(f"the lists cannot be read: {describe(error).text}") from error
