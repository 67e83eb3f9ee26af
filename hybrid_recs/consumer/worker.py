"""One consumer process: events in the main thread, the upkeep (what is trending, the archive) in another."""

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
from hybrid_recs.consumer.archive import Archive
from hybrid_recs.consumer.consumer import Consumer
from hybrid_recs.consumer.session_pusher import SessionPusher
from hybrid_recs.consumer.session_recommender import OverlayOf, SessionRecommender, no_overlay
from hybrid_recs.consumer.trending import TrendingRefresher
from hybrid_recs.generation.store import GenerationStore

log = logging.getLogger(__name__)

_BLOCK_MILLISECONDS = 500
_UPKEEP_SECONDS = 0.5
_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.05, 1.0


class Worker:
    """Runs until `stop`; outlives every failure of Redis. `client` and `upkeep` serve one thread each."""

    def __init__(
        self,
        client: redis.Redis,
        upkeep: redis.Redis,
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
        self.trending = TrendingRefresher(upkeep, keys, name)
        self.archive = archive
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End after the batch at hand; fit for a signal handler."""
        self._stopping.set()

    def run(self, after_step: Callable[[], None]) -> None:
        """Consume until stopped; `after_step` is called after every batch and may raise as Redis does."""
        upkeep = threading.Thread(target=self._upkeep, name="upkeep", daemon=True)
        upkeep.start()
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                self.step()
                after_step()
                pause = _FIRST_PAUSE_SECONDS
            except UNREACHABLE as error:
                log.warning("Redis is out of reach, trying again: %s", error)
                self._stopping.wait(pause)
                pause = min(2 * pause, _MAX_PAUSE_SECONDS)
        upkeep.join()
        self.archive.close()

    def step(self) -> int:
        """One batch; returns its entries."""
        self._recommender.follow()
        return self.consumer.step(_BLOCK_MILLISECONDS)

    def _upkeep(self) -> None:
        while not self._stopping.wait(_UPKEEP_SECONDS):
            for duty in (lambda: self.trending.refresh_due(time.time()), self.archive.keep):
                try:
                    duty()
                except UNREACHABLE as error:
                    log.debug("Redis is out of reach: %s", error)
                except Exception:
                    log.exception("upkeep failed and will be tried again")
