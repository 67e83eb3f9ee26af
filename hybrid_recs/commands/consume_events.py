"""Apply events as they arrive: update session lists and trending items, archive. Run any number of these."""

import signal
import time
from collections.abc import Callable

import click
import redis

from hybrid_recs import logs, wiring
from hybrid_recs.cache.client import connect
from hybrid_recs.consumer.archive import Archive
from hybrid_recs.consumer.worker import Worker
from hybrid_recs.generation.vector_index import use_one_thread_per_search
from hybrid_recs.items.change_feed import ChangeFeed
from hybrid_recs.settings import Settings
from hybrid_recs.telemetry.consumer_lag import ConsumerLag, consumer_lag


@click.command(help=__doc__)
@click.option("--progress", default=10.0, show_default=True, help="seconds between progress lines")
def main(progress: float) -> None:
    """Run until Ctrl-C or SIGTERM."""
    settings = Settings()
    logs.configure(settings.log_format, settings.log_level)
    use_one_thread_per_search()
    url, keys = wiring.redis_url(settings), wiring.keys(settings)
    with wiring.supervised_redis(settings), connect(url) as client, connect(url) as maintenance:
        worker = worker_of(settings, client, maintenance)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: worker.stop())
        click.echo(f"consuming events of {keys.events()}; Ctrl-C ends it")
        line = ProgressLine(worker, lambda: consumer_lag(client, keys), progress)
        worker.run(line.print_if_due)


def worker_of(settings: Settings, client: redis.Redis, maintenance: redis.Redis) -> Worker:
    """A consumer with one Redis client for each of its two threads."""
    keys = wiring.keys(settings)
    return Worker(
        client=client,
        maintenance_client=maintenance,
        keys=keys,
        store=wiring.store(settings),
        archive=Archive(maintenance, keys, wiring.events_dir(settings), settings.archive_seconds),
        claim_seconds=settings.claim_seconds,
        poll_seconds=settings.poll_seconds,
        overlay_of=ChangeFeed(wiring.item_changes(settings), settings.max_new_items).overlay_of,
    )


class ProgressLine:
    """Prints the progress of all consumers, and the throughput of this one since the last line."""

    def __init__(self, worker: Worker, lag_of: Callable[[], ConsumerLag], seconds: float) -> None:
        self._worker = worker
        self._lag_of = lag_of
        self._seconds = seconds
        self._printed, self._applied = time.monotonic(), 0

    def print_if_due(self) -> None:
        """Raises a Redis error while the lag cannot be read."""
        now = time.monotonic()
        if now - self._printed < self._seconds:
            return
        worker, lag = self._worker, self._lag_of()
        applied = worker.consumer.applied
        rate = (applied - self._applied) / (now - self._printed)
        click.echo(
            f"applied {applied:,} ({rate:,.0f}/s), pushed to {worker.pusher.pushed:,} sessions, archived "
            f"{worker.archive.written:,}; waiting {lag.waiting:,}, the oldest {lag.oldest_seconds:.1f} s"
        )
        self._printed, self._applied = now, applied
