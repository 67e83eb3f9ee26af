"""Outage headroom: what share of the peak live search alone would carry if Redis vanished now, and how
fast."""

import math
from dataclasses import dataclass

from hybrid_recs.reports.planner.costs import LiveCost

# Of a request besides its answer: parsing, routing, writing. A bare ASGI application that answers one
# kilobyte manages some 20,000 requests a second on a core.
HTTP_SECONDS = 50e-6
# Above this load waiting times are of the length of the peak itself, and no figure would mean anything.
_MAX_LOAD = 0.98


@dataclass(frozen=True, slots=True)
class OutageHeadroom:
    """peak_per_second: requests in the busiest minute, on its average. capacity_per_second: what `cores` can
    answer live. carried: share of the peak. load: of the cores at the peak, 1 or above when it is not
    carried. p99_ms: of a request at the peak, or at the most that is carried; None when nothing was asked or
    measured.
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
    """An estimate by queueing theory from measured work: M/M/c, with one queue and a server for each core.

    It leaves out what works in the service's favour (answers in its own memory outlive Redis, equal requests
    are searched once) and what does not (other work on the same cores), so it is to be read as an order of
    size.
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
    """Seconds that `share` of the requests wait no longer than in an M/M/c queue.

    load: of each server, below 1; seconds: mean of one request. P(wait > t) = C · exp(-(1 - load) · c · t /
    seconds), with C of `erlang_c`.
    """
    waits = erlang_c(load, servers)
    if waits <= 1 - share:
        return 0.0
    return math.log(waits / (1 - share)) * seconds / (servers * (1 - load))


def erlang_c(load: float, servers: int) -> float:
    """Share of requests that wait at all (Erlang's C formula), by the recursion for his B formula."""
    if load <= 0:
        return 0.0
    offered, blocked = load * servers, 1.0
    for count in range(1, servers + 1):
        blocked = offered * blocked / (count + offered * blocked)
    return blocked / (1 - load * (1 - blocked))


def _advice(load: float, capacity: float, peak: float, p99_ms: float, cores: int) -> str:
    if not peak:
        return (
            f"Nothing was asked in this window; {cores} cores answer about {capacity:,.0f} requests/s live."
        )
    if load > 1:
        return (
            f"Without Redis, live search carries {1 / load:.0%} of the peak of {peak:,.1f} requests/s: "
            f"{math.ceil(cores * load / 0.8)} cores would carry it at 80 % load."
        )
    times = 1 / load
    more = f"{times:,.0f} times over" if times >= 2 else f"{times:.1f} times over"
    return (
        f"Without Redis, live search carries the whole peak of {peak:,.1f} requests/s, {more}, "
        f"with a p99 of about {p99_ms:.1f} ms."
    )
