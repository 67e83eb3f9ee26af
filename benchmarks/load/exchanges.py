"""Requests and responses of a round of load, and its summary."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]


def percentile(values: Sequence[float] | Times, share: float) -> float:
    """The smallest value that a `share` (0 < share ≤ 1) of the values do not exceed; ValueError if empty."""
    if not len(values):
        raise ValueError("no values")
    ordered = np.sort(np.asarray(values, np.float64))
    return float(ordered[max(0, math.ceil(share * len(ordered)) - 1)])


@dataclass(frozen=True, slots=True)
class LoadSummary:
    """Requests completed in `seconds`, failed ones (`errors`) included, and latencies in milliseconds."""

    requests: int
    seconds: float
    errors: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True)
class Exchanges:
    """Every request of a run, in the order in which they were sent; times in seconds of time.perf_counter.

    path_index: position of its path. due: when it should have been sent; latency counts from there, and so
    includes the delay caused by a slow server. status: 0 if the connection failed. bodies: empty unless kept.
    """

    path_index: NDArray[np.int64]
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
        """Requests without a response of status 200."""
        return int((self.status != 200).sum())

    def summary(self) -> LoadSummary:
        return LoadSummary(
            requests=len(self.due),
            seconds=float(self.done.max() - self.due.min()),
            errors=self.errors,
            p50_ms=percentile(self.latency, 0.5) * 1e3,
            p99_ms=percentile(self.latency, 0.99) * 1e3,
        )
