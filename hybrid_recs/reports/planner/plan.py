"""The plan: what every size of the hot set would give, cost and save, and which one to choose."""

from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_recs.reports.planner.costs import ListCost, LiveCost
from hybrid_recs.reports.planner.hit_rate_curves import Curve, Policy, cheapest, curves, grid, knee
from hybrid_recs.reports.planner.traffic import Traffic

_STEPS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of an answer from the cache and of a live one, at the median. measured: by the service in
    the window, or by the planner just now."""

    cached_ms: float
    live_ms: float
    measured: str


@dataclass(frozen=True, slots=True)
class Size:
    """One size of a static hot set. what: why it is in the table. redis_mb: MB of lists. cpu_seconds: of
    live search that it saves in the window. mean_ms: an answer on average, of what has a list or could have
    one."""

    items: int
    what: str
    hit_rate: float
    redis_mb: float | None
    cpu_seconds: float | None
    mean_ms: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the planner says. target_items: the fewest items with hit rate `target`, None where none
    have. most: the hit rate with a list for every item. worth_it: False where a live answer is as quick as a
    cached one."""

    source: str
    requests: int
    distinct: int
    listable: int
    uncounted: float
    ordered: bool
    target: float
    target_items: int | None
    knee_items: int
    hot_items: int | None
    most: float
    list_bytes: float | None
    live: LiveCost | None
    times: Times | None
    worth_it: bool | None
    sizes: list[Size]
    curves: list[Curve]
    advice: str

    def curve(self, policy: Policy) -> Curve | None:
        """The curve of one policy, if it was computed."""
        return next((curve for curve in self.curves if curve.policy is policy), None)


def plan(
    traffic: Traffic,
    target: float,
    hot_items: int | None = None,
    admitted_after: int = 0,
    live: LiveCost | None = None,
    cost: ListCost | None = None,
    times: Times | None = None,
    also: Sequence[int] = (),
) -> Plan:
    """Put together what the traffic asks for and what was measured.

    hot_items: of the serving generation, if there is one. times: None takes those of `live` and `cost`.
    also: more sizes to have in the table.
    """
    listed = len(traffic.counts)
    if times is None and live is not None and cost is not None:
        times = Times(cost.read_ms, live.p50_ms, "now")
    at_target, at_knee = cheapest(traffic, target), knee(traffic)
    named = _named(traffic, target, at_target, at_knee, hot_items)
    for size in also:
        named.setdefault(min(size, listed), []).append("asked for")
    found = curves(traffic, grid(listed, *named), admitted_after)
    static = next(curve for curve in found if curve.policy is Policy.STATIC)
    rising = next((curve for curve in found if curve.policy is Policy.RISING), None)
    sizes = [
        _size(items, ", ".join(what), static.at(items), traffic, live, cost, times)
        for items, what in sorted(named.items())
    ]
    worth_it = None if times is None else times.live_ms > times.cached_ms
    return Plan(
        source=traffic.source,
        requests=round(traffic.requests),
        distinct=int((traffic.counts > 0).sum()),
        listable=listed,
        uncounted=traffic.uncounted / max(traffic.requests, 1.0),
        ordered=traffic.ordered,
        target=target,
        target_items=at_target,
        knee_items=at_knee,
        hot_items=hot_items,
        most=static.hit_rates[-1],
        list_bytes=None if cost is None else round(cost.bytes, 1),
        live=live,
        times=times,
        worth_it=worth_it,
        sizes=sizes,
        curves=found,
        advice=advice(traffic, target, at_target, at_knee, static, rising, hot_items, cost, times),
    )


def _named(
    traffic: Traffic, target: float, at_target: int | None, at_knee: int, hot_items: int | None
) -> dict[int, list[str]]:
    """The sizes of the table and why they are there."""
    named: dict[int, list[str]] = {}
    for step in _STEPS:
        if step != target and (size := cheapest(traffic, step)) is not None:
            named.setdefault(size, []).append(f"{step:.0%}")
    named.setdefault(at_knee, []).append("knee")
    if at_target is not None:
        named.setdefault(at_target, []).append(f"target {target:.0%}")
    if hot_items is not None:
        named.setdefault(hot_items, []).append("today")
    named.setdefault(len(traffic.counts), []).append("all")
    return named


def _size(
    items: int,
    what: str,
    rate: float,
    traffic: Traffic,
    live: LiveCost | None,
    cost: ListCost | None,
    times: Times | None,
) -> Size:
    listable = 1 - traffic.others / max(traffic.requests, 1.0)
    mean = None
    if times is not None and listable:
        hit = rate / listable
        mean = round(hit * times.cached_ms + (1 - hit) * times.live_ms, 4)
    return Size(
        items=items,
        what=what,
        hit_rate=rate,
        redis_mb=None if cost is None else round(items * cost.bytes / 1e6, 3),
        cpu_seconds=None if live is None else round(rate * traffic.requests * live.cpu_ms / 1e3, 3),
        mean_ms=mean,
    )


def advice(
    traffic: Traffic,
    target: float,
    at_target: int | None,
    at_knee: int,
    static: Curve,
    rising: Curve | None,
    hot_items: int | None,
    cost: ListCost | None,
    times: Times | None,
) -> str:
    """What to do, in a sentence or two."""
    if not traffic.requests:
        return (
            "No request was counted: give an access log (--log) or a dataset (--dataset), or come back later."
        )
    if times is not None and times.live_ms <= times.cached_ms:
        return (
            f"No cache is worth having here: a live answer takes {times.live_ms:.2f} ms at the median and a "
            f"cached one {times.cached_ms:.2f} ms. HYBRID_RECS_HOT_MAX_ITEMS=0 serves everything live."
        )
    if at_target is None:
        said = (
            f"No hot set reaches {target:.0%}: with a list for each of the {len(traffic.counts):,} items it "
            f"would be {static.hit_rates[-1]:.1%}; {traffic.others / traffic.requests:.1%} of the requests "
            "were for items without a vector, which newer data would give one."
        )
        return f"{said} The knee is at {at_knee:,} items ({static.at(at_knee):.1%})."
    memory = f", {at_target * cost.bytes / 1e6:,.1f} MB in Redis" if cost is not None else ""
    at = f"the knee is at {at_knee:,} ({static.at(at_knee):.1%})."
    said = f"{at_target:,} items reach {target:.0%}{memory}; {at}"
    if hot_items is None:
        return said
    if hot_items >= at_target:
        return f"{said} Today's {hot_items:,} are enough ({static.at(hot_items):.1%})."
    also = f", and up to {rising.at(hot_items):.1%} with rising items" if rising is not None else ""
    today = f"Today's {hot_items:,} give {static.at(hot_items):.1%}{also}"
    return f"{said} {today}: to reach it at once, {_how_to_have(at_target)}"


def _how_to_have(items: int) -> str:
    return f"rebuild with HYBRID_RECS_HOT_SHARE=1 HYBRID_RECS_HOT_MAX_ITEMS={items}."
