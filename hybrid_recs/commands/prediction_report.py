"""Report clicks on logged impressions: python -m jobs.prediction_report --window 24h."""

import sys
import time
from pathlib import Path

import click
import orjson
import redis
from rich.console import Console

from hybrid_recs import wiring
from hybrid_recs.cache.client import connect
from hybrid_recs.commands.error_messages import print_errors
from hybrid_recs.reports.predictions.join import read_events, read_impressions
from hybrid_recs.reports.predictions.render import impressions_markdown, print_impressions
from hybrid_recs.reports.predictions.report import (
    ImpressionReport,
    active_users,
    count_stored,
    impression_report,
)
from hybrid_recs.settings import Settings
from hybrid_recs.telemetry.window import parse_window


@click.command(help=__doc__)
@click.option("--window", default="24h", show_default=True, help="how far back: 30m, 24h, 7d; at most 8d")
@click.option(
    "--within",
    default="24h",
    show_default=True,
    help="how long after an impression an event counts: 30m, 24h",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "md"]), default="text", show_default=True
)
@click.option(
    "--events-dir", type=click.Path(path_type=Path), help="archived events; default: the folder below var"
)
def main(window: str, within: str, form: str, events_dir: Path | None) -> None:
    """Read the impressions and events of the window, and print the report."""
    settings, console = Settings(), Console(highlight=False)
    with print_errors(console):
        try:
            seconds, within_seconds = parse_window(window), parse_window(within)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
        archive = events_dir or wiring.events_dir(settings)
        with connect(wiring.redis_url(settings)) as client:
            report = make_report(client, settings, archive, seconds, within_seconds)
    if form == "json":
        sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    elif form == "md":
        click.echo(impressions_markdown(report), nl=False)
    else:
        print_impressions(report, console)


def make_report(
    client: redis.Redis,
    settings: Settings,
    archive: Path,
    seconds: int,
    within_seconds: int,
    now: float | None = None,
) -> ImpressionReport:
    """The report of the last `seconds`."""
    keys, end = wiring.keys(settings), time.time() if now is None else now
    impressions = read_impressions(client, keys, end - seconds, end)
    events = read_events(client, keys, archive, end - seconds, end)
    generation = wiring.store(settings).open_current_if_any()
    users = active_users(events)
    return impression_report(
        impressions,
        events,
        interval=(end - seconds, end),
        within_seconds=within_seconds,
        share=settings.log_predictions_share,
        items=len(generation.catalogue) if generation else 0,
        with_list=count_stored(client, keys, generation.id, users) if generation else 0,
    )
