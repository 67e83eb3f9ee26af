"""One consumer process: events in the main thread, maintenance (trending items, the archive) in another."""

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable

import redis

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.redis_problems import describe
from hybrid_recs.consumer.archive import Archive
from hybrid_recs.consumer.consumer import Consumer
from hybrid_recs.consumer.session_pusher import SessionPusher
from hybrid_recs.consumer.session_recommender import SessionRecommender, no_overlay
from hybrid_recs.consumer.trending import TrendingRefresher
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.health import Check, DependencyHealth, Problem
from hybrid_recs.items.overlay import OverlayOf

log = logging.getLogger(__name__)

_BLOCK_MILLISECONDS = 500
_MAINTENANCE_SECONDS = 0.5
_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.05, 1.0


class Worker:
    """Runs until `stop` and survives every failure of Redis. `client` and `maintenance_client` are used by
    one thread each."""

    def __init__(
        self,
        client: redis.Redis,
        maintenance_client: redis.Redis,
        keys: Keys,
        store: GenerationStore,
        archive: Archive,
        claim_seconds: float,
        poll_seconds: float,
        overlay_of: OverlayOf = no_overlay,
    ) -> None:
        name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._recommender = SessionRecommender(store, poll_seconds, overlay_of)
        self.pusher = SessionPusher(client, keys, self._recommender)
        self.consumer = Consumer(client, keys, name, self.pusher, claim_seconds)
        self.trending = TrendingRefresher(maintenance_client, keys, name)
        self.archive = archive
        # One for each thread.
        self._redis = DependencyHealth("redis", "events wait in Redis and none is lost")
        self._maintenance = DependencyHealth("maintenance", "trending items or the archive wait")
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End after the current batch; can be called by a signal handler."""
        self._stopping.set()

    def run(self, after_step: Callable[[], None]) -> None:
        """Consume until stopped; `after_step` is called after every batch and may raise what the client
        raises."""
        maintenance = threading.Thread(target=self._maintain, name="maintenance", daemon=True)
        maintenance.start()
        pause, consuming = _FIRST_PAUSE_SECONDS, self._redis.check("events")
        while not self._stopping.is_set():
            try:
                self.step()
                after_step()
                pause = _FIRST_PAUSE_SECONDS
                consuming.record_success()
            except UNREACHABLE as error:
                consuming.record_failure(describe(error))
                self._stopping.wait(pause)
                pause = min(2 * pause, _MAX_PAUSE_SECONDS)
            self._redis.review()
        maintenance.join()
        self.archive.close()

    def step(self) -> int:
        """Handle one batch; returns the number of its entries."""
        self._recommender.follow()
        return self.consumer.step(_BLOCK_MILLISECONDS)

    def _maintain(self) -> None:
        tasks: dict[Check, Callable[[], object]] = {
            self._maintenance.check("trending"): lambda: self.trending.refresh_due(time.time()),
            self._maintenance.check("archive"): self.archive.keep,
        }
        while not self._stopping.wait(_MAINTENANCE_SECONDS):
            for check, task in tasks.items():
                try:
                    task()
                except redis.RedisError as error:
                    check.record_failure(describe(error))
                except OSError as error:  # of the archive's folder
                    check.record_failure(Problem(str(error)))
                except Exception as error:
                    if not check.failing:
                        log.exception("maintenance failed and will be tried again")
                    check.record_failure(Problem(f"{type(error).__name__}: {error}"))
                else:
                    check.record_success()
            self._maintenance.review()
