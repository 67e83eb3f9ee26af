"""The plan: what each size of the hot set would give, cost and save, and which one to choose."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hybrid_recs.reports.planner.costs import ListCost, LiveCost
from hybrid_recs.reports.planner.hit_rate_curves import (
    Curve,
    Policy,
    curves,
    fewest_items,
    knee,
    size_grid,
)
from hybrid_recs.reports.planner.traffic import Traffic

_STEPS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class AnswerTimes:
    """Median milliseconds of a cached and of a live answer. measured: by the service in the window, or by the
    planner now."""

    cached_ms: float
    live_ms: float
    measured: str


@dataclass(frozen=True, slots=True)
class HotSetSize:
    """One size of a static hot set. what: why it is in the table. redis_mb: of its lists. cpu_seconds: live
    search that it saves in the window. mean_ms: mean answer time over items that have or could have a
    list."""

    items: int
    what: str
    hit_rate: float
    redis_mb: float | None
    cpu_seconds: float | None
    mean_ms: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The result of the planner. listable: items that can have a list. uncounted: share of requests for items
    too rare to be counted. ordered: whether the order of the requests is known. target_items: the smallest
    hot set with hit rate `target`, None if there is none. most: the hit rate with a list for every item.
    worth_it: False if a live answer is as fast as a cached one. advice: a sentence or two."""

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
    times: AnswerTimes | None
    worth_it: bool | None
    sizes: list[HotSetSize]
    curves: list[Curve]
    advice: str = ""

    def curve(self, policy: Policy) -> Curve | None:
        """The curve of a policy, if it was computed."""
        return next((curve for curve in self.curves if curve.policy is policy), None)

    def static_rate(self, items: int) -> float:
        """The hit rate of a static hot set."""
        static = self.curve(Policy.STATIC)
        assert static is not None
        return static.hit_rate_at(items)


def plan(
    traffic: Traffic,
    target: float,
    hot_items: int | None = None,
    admitted_after: int = 0,
    live: LiveCost | None = None,
    cost: ListCost | None = None,
    times: AnswerTimes | None = None,
    further_sizes: Sequence[int] = (),
) -> Plan:
    """Combine the traffic with the measured costs.

    hot_items: of the serving generation, if there is one. times: None takes those of `live` and `cost`.
    further_sizes: more rows of the table.
    """
    listable = len(traffic.counts)
    if times is None and live is not None and cost is not None:
        times = AnswerTimes(cost.read_ms, live.p50_ms, "now")
    target_items, knee_items = fewest_items(traffic, target), knee(traffic)
    labels = _labelled_sizes(traffic, target, target_items, knee_items, hot_items)
    for size in further_sizes:
        labels.setdefault(min(size, listable), []).append("requested")
    by_policy = curves(traffic, size_grid(listable, *labels), admitted_after)
    static = next(curve for curve in by_policy if curve.policy is Policy.STATIC)
    result = Plan(
        source=traffic.source,
        requests=round(traffic.requests),
        distinct=int((traffic.counts > 0).sum()),
        listable=listable,
        uncounted=traffic.uncounted / max(traffic.requests, 1.0),
        ordered=traffic.ordered,
        target=target,
        target_items=target_items,
        knee_items=knee_items,
        hot_items=hot_items,
        most=static.hit_rates[-1],
        list_bytes=None if cost is None else round(cost.bytes, 1),
        live=live,
        times=times,
        worth_it=None if times is None else times.live_ms > times.cached_ms,
        sizes=[
            _size(items, ", ".join(names), static.hit_rate_at(items), traffic, live, cost, times)
            for items, names in sorted(labels.items())
        ],
        curves=by_policy,
    )
    return replace(result, advice=_advice(result, traffic, cost))


def _labelled_sizes(
    traffic: Traffic, target: float, target_items: int | None, knee_items: int, hot_items: int | None
) -> dict[int, list[str]]:
    """The sizes of the table, each with the reasons why it is there."""
    labels: dict[int, list[str]] = {}
    for step in _STEPS:
        if step != target and (size := fewest_items(traffic, step)) is not None:
            labels.setdefault(size, []).append(f"{step:.0%}")
    labels.setdefault(knee_items, []).append("knee")
    if target_items is not None:
        labels.setdefault(target_items, []).append(f"target {target:.0%}")
    if hot_items is not None:
        labels.setdefault(hot_items, []).append("today")
    labels.setdefault(len(traffic.counts), []).append("all")
    return labels


def _size(
    items: int,
    what: str,
    hit_rate: float,
    traffic: Traffic,
    live: LiveCost | None,
    cost: ListCost | None,
    times: AnswerTimes | None,
) -> HotSetSize:
    answerable = 1 - traffic.others / max(traffic.requests, 1.0)
    mean_ms = None
    if times is not None and answerable:
        cached = hit_rate / answerable
        mean_ms = round(cached * times.cached_ms + (1 - cached) * times.live_ms, 4)
    return HotSetSize(
        items=items,
        what=what,
        hit_rate=hit_rate,
        redis_mb=None if cost is None else round(items * cost.bytes / 1e6, 3),
        cpu_seconds=None if live is None else round(hit_rate * traffic.requests * live.cpu_ms / 1e3, 3),
        mean_ms=mean_ms,
    )


def _advice(plan: Plan, traffic: Traffic, cost: ListCost | None) -> str:
    if not traffic.requests:
        return (
            "No requests were counted: give an access log (--log) or a dataset (--dataset), or try again "
            "later."
        )
    if plan.times is not None and plan.worth_it is False:
        return (
            f"A cache is not worth it here: the median live answer takes {plan.times.live_ms:.2f} ms and the "
            f"median cached answer {plan.times.cached_ms:.2f} ms. HYBRID_RECS_HOT_MAX_ITEMS=0 serves "
            "everything live."
        )
    knee_rate = f"{plan.static_rate(plan.knee_items):.1%}"
    if plan.target_items is None:
        return (
            f"No hot set reaches {plan.target:.0%}: lists for all {plan.listable:,} items would reach "
            f"{plan.most:.1%}. {traffic.others / traffic.requests:.1%} of the requests were for items "
            "without a vector, which a rebuild with newer data would add. The knee is at "
            f"{plan.knee_items:,} ({knee_rate})."
        )
    memory = "" if cost is None else f" ({plan.target_items * cost.bytes / 1e6:,.1f} MB in Redis)"
    target = f"{plan.target_items:,} items{memory} reach {plan.target:.0%}"
    return f"{target}; the knee is at {plan.knee_items:,} ({knee_rate}).{_on_today(plan, plan.target_items)}"


def _on_today(plan: Plan, target_items: int) -> str:
    """How the serving generation compares with the target."""
    hot_items = plan.hot_items
    if hot_items is None:
        return ""
    rate = f"{plan.static_rate(hot_items):.1%}"
    if hot_items >= target_items:
        return f" Today's {hot_items:,} are enough ({rate})."
    rising = plan.curve(Policy.RISING)
    with_rising = (
        "" if rising is None else f", or up to {rising.hit_rate_at(hot_items):.1%} with rising items"
    )
    return (
        f" Today's {hot_items:,} reach {rate}{with_rising}. To reach the target at once, rebuild with "
        f"HYBRID_RECS_HOT_SHARE=1 HYBRID_RECS_HOT_MAX_ITEMS={target_items}."
    )
