"""Runs background jobs of a worker at fixed intervals until they are stopped.

An unexpected exception ends one run, not the job. Its traceback is logged once a minute, however often it
recurs.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from hybrid_recs.health import Check, Problem

log = logging.getLogger(__name__)

_STOP_SECONDS = 5.0
_TRACEBACK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """seconds: the pause between the end of a run and the next one. check: told of unexpected exceptions."""

    seconds: float
    run: Callable[[], Awaitable[None]]
    check: Check | None = None


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
        failures = _Failures(job.check)
        while not self._stopping.is_set():
            try:
                await job.run()
            except Exception as error:
                failures.record(error)
            else:
                failures.end()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), job.seconds)


class _Failures:
    """The unexpected exceptions of one job."""

    def __init__(self, check: Check | None) -> None:
        self._check = check
        self._logged_at = float("-inf")
        self._unlogged = 0

    def record(self, error: Exception) -> None:
        """To be called while the exception is handled."""
        if self._check is not None:
            self._check.record_failure(Problem(f"{type(error).__name__}: {error} (traceback in the log)"))
        now = time.monotonic()
        if now - self._logged_at < _TRACEBACK_SECONDS:
            self._unlogged += 1
            return
        log.exception(
            "background work failed and will be tried again (%d times since the last line)", self._unlogged
        )
        self._logged_at, self._unlogged = now, 0

    def end(self) -> None:
        if self._check is not None and self._check.failing:
            self._check.record_success()
