"""What a round of load came to."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]


def percentile(values: Sequence[float] | Times, share: float) -> float:
    """The smallest value that `share` (above 0, to 1) of the values do not exceed; ValueError of none."""
    if not len(values):
        raise ValueError("no values")
    ordered = np.sort(np.asarray(values, np.float64))
    return float(ordered[max(0, math.ceil(share * len(ordered)) - 1)])


@dataclass(frozen=True, slots=True)
class Load:
    """Requests done in so many seconds, those that failed among them, and latencies in milliseconds."""

    requests: int
    seconds: float
    errors: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True)
class Exchanges:
    """Every request of a run, in the order of being sent; times in seconds of time.perf_counter.

    asked: the position of its path. due: when it should have been sent; latency counts from there, so that
    what a slow server delays is not left out. status: 0 when the connection failed. bodies: if kept.
    """

    asked: NDArray[np.int64]
    due: Times
    done: Times
    status: NDArray[np.int64]
    bodies: list[bytes]

    @property
    def latency(self) -> Times:
        """Seconds from due to done."""
        return self.done - self.due

    @property
    def errors(self) -> int:
        """Requests not answered with 200."""
        return int((self.status != 200).sum())

    def load(self) -> Load:
        """The figures of the whole run."""
        return Load(
            requests=len(self.due),
            seconds=float(self.done.max() - self.due.min()),
            errors=self.errors,
            p50_ms=percentile(self.latency, 0.5) * 1e3,
            p99_ms=percentile(self.latency, 0.99) * 1e3,
        )
