"""Report where answers came from: python -m jobs.hit_rate_report --window 24h."""

import sys
from collections.abc import Callable

import click
import orjson
from rich.console import Console

from hybrid_recs import wiring
from hybrid_recs.errors import NoGenerationError
from hybrid_recs.generation import Generation
from hybrid_recs.hit_rates import hit_rate_report, parse_window
from hybrid_recs.offline.progress import reported
from hybrid_recs.offline.reports import print_hit_rates
from hybrid_recs.redis_client import connect
from hybrid_recs.settings import Settings


@click.command(help=__doc__)
@click.option("--window", default="24h", show_default=True, help="how far back: 30m, 24h, 7d; at most 8d")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--generation", help="count only what this generation answered")
def main(window: str, form: str, generation: str | None) -> None:
    """Read the counters of the window and print them."""
    settings, console = Settings(), Console(highlight=False)
    with reported(console):
        seconds = parse_window(window)
        with connect(wiring.redis_url(settings)) as client:
            report = hit_rate_report(client, wiring.keys(settings), seconds, titles(settings), generation)
    if form == "json":
        sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        print_hit_rates(report, console)


def titles(settings: Settings) -> Callable[[str], str | None]:
    """Titles from the serving generation, if there is one."""
    store = wiring.store(settings)
    try:
        catalogue = Generation.open(store.path(store.require_current())).catalogue
    except NoGenerationError:
        return lambda _: None

    def title(item_id: str) -> str | None:
        row = catalogue.row(item_id)
        return None if row is None else catalogue.title(row)

    return title


if __name__ == "__main__":
    main()
