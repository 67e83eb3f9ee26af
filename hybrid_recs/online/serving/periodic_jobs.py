"""Runs background jobs of a worker at fixed intervals until they are stopped."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

log = logging.getLogger(__name__)

_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """seconds: the pause between the end of a run and the next one."""

    seconds: float
    run: Callable[[], Awaitable[None]]


class PeriodicJobs:
    """The jobs of one event loop, a task each."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    def start(self, jobs: Iterable[PeriodicJob]) -> None:
        """Run each job now and at its interval."""
        self._tasks = [asyncio.create_task(self._repeat(job)) for job in jobs]

    async def stop(self) -> None:
        """Let runs under way finish, for some seconds."""
        self._stopping.set()
        if self._tasks:
            # By a flag and not by cancelling: a client library may take a cancellation for a timeout.
            await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)

    async def _repeat(self, job: PeriodicJob) -> None:
        """An exception in one run is logged and does not end the job."""
        while not self._stopping.is_set():
            try:
                await job.run()
            except Exception:
                log.exception("background work failed and will be tried again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), job.seconds)
