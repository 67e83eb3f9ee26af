"""Apply events as they come in: push to sessions, count what is trending, archive. Run as many as needed."""

import signal

import click

from hybrid_recs import logs, wiring
from hybrid_recs.cache.client import connect
from hybrid_recs.consumer.assembly import worker_of
from hybrid_recs.generation.vector_index import use_one_thread_per_search
from hybrid_recs.settings import Settings


@click.command(help=__doc__)
@click.option("--progress", default=10.0, show_default=True, help="seconds between two lines of progress")
def main(progress: float) -> None:
    """Run until told to end (Ctrl-C or SIGTERM)."""
    settings = Settings()
    logs.configure(settings.log_format, settings.log_level)
    use_one_thread_per_search()
    url = wiring.redis_url(settings)
    with connect(url) as client, connect(url) as upkeep:
        worker = worker_of(settings, client, upkeep)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: worker.stop())
        click.echo(f"consuming events of {wiring.keys(settings).events()}; Ctrl-C ends it")
        worker.run(click.echo, progress)
