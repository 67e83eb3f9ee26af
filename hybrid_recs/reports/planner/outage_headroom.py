"""Outage headroom: the share of the peak that live search alone could serve if Redis failed now, and how
fast."""

import math
from dataclasses import dataclass

from hybrid_recs.reports.planner.costs import LiveCost

# The part of a request besides its answer: parsing, routing, writing. A bare ASGI application that answers
# one kilobyte handles about 20,000 requests a second on a core.
HTTP_SECONDS = 50e-6
# Above this load, waiting times are as long as the peak itself, and an estimate would be meaningless.
_MAX_LOAD = 0.98


@dataclass(frozen=True, slots=True)
class OutageHeadroom:
    """peak_per_second: average requests per second in the busiest minute. capacity_per_second: live answers
    of all `cores`. carried: share of the peak that they can serve. load: of the cores at the peak, 1 or more
    if they cannot serve all of it. p99_ms: time of a request at the peak, or at the highest load that can be
    served.
    """

    cores: int
    live_cpu_ms: float
    capacity_per_second: float
    peak_per_second: float
    carried: float
    load: float
    p99_ms: float
    advice: str


def headroom(live: LiveCost, peak_per_second: float, cores: int) -> OutageHeadroom:
    """An estimate from the measured CPU time by queueing theory: M/M/c, one queue and one server per core.

    It ignores what helps the service (answers in its own memory outlive Redis, equal requests are searched
    once) and what does not (other work on the same cores), so it is an order of magnitude.
    """
    seconds = live.cpu_ms / 1e3 + HTTP_SECONDS
    capacity = cores / seconds
    load = peak_per_second / capacity
    carried = min(1.0, 1 / load) if load else 1.0
    p99 = live.p99_ms / 1e3 + HTTP_SECONDS + waiting_quantile(min(load, _MAX_LOAD), cores, seconds, 0.99)
    return OutageHeadroom(
        cores=cores,
        live_cpu_ms=round(live.cpu_ms, 4),
        capacity_per_second=round(capacity, 1),
        peak_per_second=round(peak_per_second, 2),
        carried=round(carried, 4),
        load=round(load, 4),
        p99_ms=round(p99 * 1e3, 3),
        advice=_advice(load, capacity, peak_per_second, p99 * 1e3, cores),
    )


def waiting_quantile(load: float, servers: int, seconds: float, share: float) -> float:
    """The waiting time in an M/M/c queue that `share` of the requests do not exceed, in seconds.

    load: of each server, below 1. seconds: mean service time. P(wait > t) = C · exp(-(1 - load) · c · t /
    seconds), where C is `erlang_c`.
    """
    waits = erlang_c(load, servers)
    if waits <= 1 - share:
        return 0.0
    return math.log(waits / (1 - share)) * seconds / (servers * (1 - load))


def erlang_c(load: float, servers: int) -> float:
    """Share of requests that have to wait (Erlang's C formula), by the recursion of his B formula."""
    if load <= 0:
        return 0.0
    offered, blocked = load * servers, 1.0
    for count in range(1, servers + 1):
        blocked = offered * blocked / (count + offered * blocked)
    return blocked / (1 - load * (1 - blocked))


def _advice(load: float, capacity: float, peak: float, p99_ms: float, cores: int) -> str:
    if not peak:
        return (
            f"No requests were counted in this window; {cores} cores can answer about {capacity:,.0f} "
            "requests/s live."
        )
    if load > 1:
        return (
            f"Without Redis, live search can serve {1 / load:.0%} of the peak of {peak:,.1f} requests/s: "
            f"{math.ceil(cores * load / 0.8)} cores would serve all of it at 80 % load."
        )
    times = 1 / load
    factor = f"{times:,.0f}" if times >= 2 else f"{times:.1f}"
    return (
        f"Without Redis, live search can serve {factor} times the peak of {peak:,.1f} requests/s, with a p99 "
        f"of about {p99_ms:.1f} ms at the peak."
    )
