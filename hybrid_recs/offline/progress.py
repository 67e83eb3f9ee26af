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
from hybrid_recs.offline.memory import peak_mb, reset_peak


class Step:
    """A running step with its progress bar."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._task = progress.add_task(name, total=None)
        self.result = ""

    def expect(self, total: int) -> None:
        """Set the number of units of work."""
        self._progress.update(self._task, total=total)

    def advance(self, count: int = 1) -> None:
        self._progress.advance(self._task, count)

    def done(self, result: str) -> None:
        """Set the text of the final line."""
        self.result = result


class Steps:
    """Runs the steps of a job, and records them in their order."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.finished: list[StepInfo] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[Step]:
        """Run one step; an error inside removes the bar and is raised again."""
        reset_peak()
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
        seconds, peak = round(time.perf_counter() - started, 3), round(peak_mb(), 1)
        self.finished.append(StepInfo(name=name, seconds=seconds, peak_mb=peak))
        self.console.print(
            f"[green]✓[/] {name:<22}[dim]{seconds:7.2f} s {peak:6,.0f} MB[/]  {step.result}", soft_wrap=True
        )

    def total_seconds(self) -> float:
        return sum(step.seconds for step in self.finished)

    def peak_mb(self) -> float:
        """The highest peak of the finished steps."""
        return max((step.peak_mb for step in self.finished), default=0.0)
