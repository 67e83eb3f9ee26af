"""Watches for new generations and item changes, and swaps the snapshot that requests are answered from."""

import asyncio
import gc
import logging
import time

from hybrid_recs.errors import HybridRecsError
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.health import Health, Problem, State
from hybrid_recs.items.change_feed import ChangeFeed
from hybrid_recs.online.serving.item_query_service import ItemQueryService
from hybrid_recs.online.serving.periodic_jobs import PeriodicJob
from hybrid_recs.online.serving.snapshot import SnapshotFactory, open_and_warm
from hybrid_recs.telemetry.request_recorder import RequestRecorder

log = logging.getLogger(__name__)

_OVERLAY_SECONDS = 0.25
_RETRY_SECONDS = 10.0


class GenerationWatcher:
    """One per worker; the only one that swaps snapshots."""

    def __init__(
        self,
        store: GenerationStore,
        feed: ChangeFeed,
        snapshots: SnapshotFactory,
        service: ItemQueryService,
        recorder: RequestRecorder,
        health: Health,
        poll_seconds: float,
    ) -> None:
        self._store = store
        self._feed = feed
        self._snapshots = snapshots
        self._service = service
        self._recorder = recorder
        self._health = health
        self._loading, self._changes = health.generations.check("load"), health.item_changes.check("read")
        self._poll_seconds = poll_seconds
        self._failed: tuple[str, float] | None = None

    async def load(self) -> None:
        """Load the published generation, if there is one, before the first request."""
        await self._check_generation()
        # The garbage collector skips what is loaded by now: a look through it takes 50 ms, in mid-traffic.
        gc.freeze()
        if self._service.snapshot is None:
            log.warning("not ready: no generation in %s yet; run make rebuild-index", self._store.root)

    def jobs(self) -> list[PeriodicJob]:
        return [
            PeriodicJob(self._poll_seconds, self._check_generation, self._health.generations.check("watch")),
            PeriodicJob(_OVERLAY_SECONDS, self.check_overlay, self._health.item_changes.check("watch")),
        ]

    async def check_overlay(self) -> None:
        """Serve the item changes there are: at least those written before this was called."""
        while (snapshot := self._service.snapshot) is not None:
            overlay = await asyncio.to_thread(self._feed.overlay_of, snapshot.generation)
            self._record_changes()
            if self._service.snapshot is snapshot:
                if overlay is not snapshot.overlay:
                    self._service.serve(snapshot.with_overlay(overlay))
                return

    async def _check_generation(self) -> None:
        """Open the generation that `CURRENT` names while another one serves, then swap one reference."""
        published, serving = self._store.current(), self._service.generation
        if published is None:
            return
        self._recorder.set_published(published)
        if serving and serving.id == published:
            self._loading.record_success()
            return
        if self._failed_lately(published):
            return
        try:
            generation = await asyncio.to_thread(open_and_warm, self._store, published)
            overlay = await asyncio.to_thread(self._feed.overlay_of, generation)
        except (HybridRecsError, OSError, ValueError) as error:
            self._failed = published, time.monotonic()
            kept = f"generation {serving.id} stays in service" if serving else "none is in service"
            self._loading.record_failure(
                Problem(
                    f"generation {published} cannot be loaded, {kept}: {error}",
                    State.DEGRADED if serving else State.DOWN,
                )
            )
            return
        self._failed = None
        self._record_changes()
        self._recorder.set_serving(generation.id)
        self._service.serve(self._snapshots.create(generation, overlay))
        items, hot = len(generation.catalogue), len(generation.hot)
        log.info("serving generation %s: %d items, %d hot", published, items, hot)

    def _record_changes(self) -> None:
        if self._feed.problem:
            self._changes.record_failure(Problem(self._feed.problem))
        else:
            self._changes.record_success()

    def _failed_lately(self, generation: str) -> bool:
        if self._failed is None or self._failed[0] != generation:
            return False
        return time.monotonic() - self._failed[1] < _RETRY_SECONDS
