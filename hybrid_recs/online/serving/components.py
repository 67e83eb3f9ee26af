"""What a worker starts and stops for answering queries."""

import asyncio
from dataclasses import dataclass, field
from functools import partial

from hybrid_recs.cache.embedded_supervisor import CHECK_SECONDS, Supervisor
from hybrid_recs.online.serving.generation_watcher import GenerationWatcher
from hybrid_recs.online.serving.item_query_service import ItemQueryService
from hybrid_recs.online.serving.maintenance import Maintenance
from hybrid_recs.online.serving.periodic_jobs import PeriodicJob, PeriodicJobs


@dataclass(frozen=True, slots=True)
class ServingComponents:
    """Parts of one worker: one that answers, one that swaps snapshots, one that works in the background.

    supervisor: of the embedded Redis, if this process started it.
    """

    service: ItemQueryService
    watcher: GenerationWatcher
    maintenance: Maintenance
    supervisor: Supervisor | None = None
    jobs: PeriodicJobs = field(default_factory=PeriodicJobs)

    async def start(self) -> None:
        """Load the published generation and start the background jobs."""
        await self.watcher.load()
        jobs = [*self.watcher.jobs(), *self.maintenance.jobs()]
        if self.supervisor is not None:
            jobs.append(PeriodicJob(CHECK_SECONDS, partial(asyncio.to_thread, self.supervisor.check)))
        self.jobs.start(jobs)

    async def stop(self) -> None:
        """Stop the jobs, write the last counts and close the connections."""
        await self.jobs.stop()
        await self.maintenance.close()
