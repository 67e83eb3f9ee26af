"""What a worker starts and stops for answering queries."""

from dataclasses import dataclass, field

from hybrid_recs.online.serving.generation_watcher import GenerationWatcher
from hybrid_recs.online.serving.item_query_service import ItemQueryService
from hybrid_recs.online.serving.maintenance import Maintenance
from hybrid_recs.online.serving.periodic_jobs import PeriodicJobs


@dataclass(frozen=True, slots=True)
class ServingComponents:
    """Parts of one worker: one that answers, one that swaps snapshots, one that works in the background."""

    service: ItemQueryService
    watcher: GenerationWatcher
    maintenance: Maintenance
    jobs: PeriodicJobs = field(default_factory=PeriodicJobs)

    async def start(self) -> None:
        """Load the published generation and start the background jobs."""
        await self.watcher.load()
        self.jobs.start([*self.watcher.jobs(), *self.maintenance.jobs()])

    async def stop(self) -> None:
        """Stop the jobs, write the last counts and close the connections."""
        await self.jobs.stop()
        await self.maintenance.close()
