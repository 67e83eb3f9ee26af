"""`hybrid-recs serve`: the service, with one process per worker."""

import os
import shutil
import signal
import sys

import click
import uvicorn

from hybrid_recs import logs, wiring
from hybrid_recs.commands.error_messages import click_errors
from hybrid_recs.settings import Settings

# For responses that are still open; event streams end as soon as the service shuts down.
_GRACE_SECONDS = 5


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", default=8000, show_default=True, help="port to listen on; 0: any free port")
@click.option("--workers", default=1, show_default=True, help="processes; one per core is a good number")
def serve(host: str, port: int, workers: int) -> None:
    """Answer GET /recommendations?item_id=… (description at /docs)."""
    with click_errors():
        settings = Settings()
        # Set once here, so that all workers share one Redis server and one set of counters.
        supervised = wiring.supervised_redis(settings)
        os.environ["HYBRID_RECS_REDIS_URL"] = wiring.redis_url(settings)
        counters = settings.var_dir.absolute() / "counters" / str(os.getpid())
        os.environ["HYBRID_RECS_COUNTERS_DIR"] = str(counters)
    shutil.rmtree(counters, ignore_errors=True)
    # uvicorn ends in an orderly way and then raises the signal again, which would end this process at once.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with supervised:
            uvicorn.run(
                "hybrid_recs.online.app:create_app",
                factory=True,
                host=host,
                port=port,
                workers=workers,
                log_config=logs.log_config(settings.log_format, settings.log_level),
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
    finally:
        shutil.rmtree(counters, ignore_errors=True)
