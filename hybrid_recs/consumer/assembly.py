"""The composition root of a consumer: turns settings into a worker."""

import redis

from hybrid_recs import wiring
from hybrid_recs.consumer.archive import Archive
from hybrid_recs.consumer.worker import Worker
from hybrid_recs.items.change_feed import ItemWatch
from hybrid_recs.settings import Settings


def worker_of(settings: Settings, client: redis.Redis, upkeep: redis.Redis) -> Worker:
    """A consumer with a client for each of its two threads."""
    keys = wiring.keys(settings)
    return Worker(
        client=client,
        upkeep=upkeep,
        keys=keys,
        store=wiring.store(settings),
        archive=Archive(upkeep, keys, wiring.events_dir(settings), settings.archive_seconds),
        claim_seconds=settings.claim_seconds,
        poll_seconds=settings.poll_seconds,
        overlay_of=ItemWatch(wiring.item_changes(settings), settings.max_new_items).overlay_of,
    )
