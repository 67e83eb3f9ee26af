"""Progress of a job: a bar while a step runs, then one line with its seconds, peak memory and counts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from hybrid_recs.generation.manifest import StepInfo
from hybrid_recs.offline.memory import peak_mb, restart_peak


class Step:
    """One running step."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._task = progress.add_task(name, total=None)
        self.result = ""

    def expect(self, total: int) -> None:
        """How many units of work there are."""
        self._progress.update(self._task, total=total)

    def advance(self, count: int = 1) -> None:
        """Units done."""
        self._progress.advance(self._task, count)

    def done(self, result: str) -> None:
        """What the line at the end says."""
        self.result = result


class Steps:
    """The steps of one job, in the order they were run."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.finished: list[StepInfo] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[Step]:
        """Run one step; an error inside ends the bar and goes on upwards."""
        restart_peak()
        started = time.perf_counter()
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        bar = self.console.is_terminal
        with Progress(*columns, console=self.console, transient=True, disable=not bar) as progress:
            step = Step(progress, name)
            yield step
        seconds, peak = time.perf_counter() - started, peak_mb()
        self.finished.append(StepInfo(name=name, seconds=round(seconds, 3), peak_mb=round(peak, 1)))
        self.console.print(
            f"[green]✓[/] {name:<22}[dim]{seconds:7.2f} s {peak:6,.0f} MB[/]  {step.result}", soft_wrap=True
        )

    def total_seconds(self) -> float:
        """Sum over the finished steps."""
        return sum(step.seconds for step in self.finished)

    def peak_mb(self) -> float:
        """The most memory that any finished step held."""
        return max((step.peak_mb for step in self.finished), default=0.0)
