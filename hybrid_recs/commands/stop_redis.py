"""`hybrid-recs stop-redis`."""

import click

from hybrid_recs.cache import embedded_server
from hybrid_recs.commands.error_messages import click_errors
from hybrid_recs.settings import Settings


@click.command("stop-redis")
def stop_redis() -> None:
    """Stop the embedded redis-server; its data stays for the next start."""
    with click_errors():
        stopped = embedded_server.stop(Settings().var_dir)
    click.echo("the embedded redis-server has stopped" if stopped else "no embedded redis-server is running")
