"""The charts of the report."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hybrid_recs.reports.drift import Drift
from hybrid_recs.reports.planner.hit_rate_curves import Policy
from hybrid_recs.reports.planner.plan import Plan
from hybrid_recs.reports.svg import COLOURS, drawn
from hybrid_recs.telemetry.hit_rates import Point, SourceFigures
from hybrid_recs.types import SECONDS_PER_DAY, Source

_LINES: dict[Policy, dict[str, Any]] = {
    Policy.RISING: {"color": COLOURS["cache"], "linewidth": 1.2, "linestyle": (0, (4, 2))},
    Policy.HINDSIGHT: {"color": COLOURS["muted"], "linewidth": 1, "linestyle": (0, (1, 1.6))},
    Policy.LRU: {"color": COLOURS["popular"], "linewidth": 1.2},
    Policy.TINY_LFU: {"color": COLOURS["live"], "linewidth": 1.2},
    Policy.STATIC: {"color": COLOURS["cache"], "linewidth": 2.2},
}
_NAMES = {
    Policy.STATIC: "static",
    Policy.RISING: "static + rising items",
    Policy.HINDSIGHT: "hindsight",
    Policy.LRU: "LRU",
    Policy.TINY_LFU: "LFU with admission",
}


def over_time(series: Sequence[Point]) -> str:
    """Share of each source in each stretch of the window."""

    def draw(axes: Any) -> None:
        step = series[1].start - series[0].start if len(series) > 1 else 60
        asked = [point for point in series if point.requests]
        starts = [(point.start - series[0].start) / step for point in asked]
        floor = [0.0] * len(asked)
        for source in Source:
            shares = [point.sources.get(source.value, 0) / point.requests for point in asked]
            if any(shares):
                axes.bar(starts, shares, 0.86, floor, align="edge", color=COLOURS[source.value], linewidth=0)
                floor = [below + share for below, share in zip(floor, shares, strict=True)]
        axes.set_ylim(0, 1)
        axes.set_xlim(0, max(len(series), 1))
        _percent(axes)
        at = sorted({0, len(series) // 2, len(series)}) if len(series) > 3 else [0]
        axes.set_xticks(at, [_clock(series[0].start + step * place, step * len(series)) for place in at])
        labels = axes.get_xticklabels()
        labels[0].set_horizontalalignment("left")
        if len(labels) > 1:
            labels[-1].set_horizontalalignment("right")

    return drawn("time", "Share of requests by source over time", draw)


def by_size(plan: Plan) -> str:
    """Hit rate against size for each policy, with the knee, the target and today's size."""
    static = plan.curve(Policy.STATIC)
    assert static is not None

    def draw(axes: Any) -> None:
        draw_sizes(axes, plan)
        _mark(axes, plan.knee_items, static.at(plan.knee_items), "knee", (8, 3), hollow=True)
        if plan.hot_items:
            said = f"today {static.at(plan.hot_items):.0%}"
            _mark(axes, plan.hot_items, static.at(plan.hot_items), said, (8, -11), hollow=False)
        axes.legend(frameon=False, loc="lower left", fontsize=7.5, bbox_to_anchor=(0, 0.2), reverse=True)

    return drawn("size", "Hit rate against the number of items with a list", draw)


def draw_sizes(axes: Any, plan: Plan) -> None:
    """The curves of all policies and the target."""
    most = max(curve.sizes[-1] for curve in plan.curves)
    for policy, style in _LINES.items():
        curve = plan.curve(policy)
        if curve is not None:
            line = [(s, r) for s, r in zip(curve.sizes, curve.hit_rates, strict=True) if s]
            axes.plot(*zip(*line, strict=True), label=_NAMES[policy], **style)
    axes.axhline(plan.target, color=COLOURS["ink"], linewidth=0.6, linestyle=(0, (4, 3)))
    axes.annotate(
        f"target {plan.target:.0%}", (1, plan.target), (0, 3), textcoords="offset points", fontsize=7.5
    )
    axes.set_xscale("log")
    axes.set_xlim(1, max(most, 2))
    axes.set_ylim(0, 1.02)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("items with a list")
    _percent(axes)


def latencies(sources: Sequence[SourceFigures]) -> str:
    """Median to 99th percentile of each source."""
    timed = [line for line in sources if line.p50_ms and line.p99_ms][::-1]

    def draw(axes: Any) -> None:
        for place, line in enumerate(timed):
            assert line.p50_ms
            assert line.p99_ms
            colour = COLOURS[line.source]
            axes.plot((line.p50_ms, line.p99_ms), (place, place), color=colour, linewidth=3)
            axes.plot(line.p50_ms, place, "o", color=colour, markersize=8)
            axes.plot(line.p99_ms, place, "|", color=colour, markersize=11, markeredgewidth=2)
            # One above and one below: on a phone they would run into each other.
            for value, what, above in ((line.p50_ms, "p50", 9), (line.p99_ms, "p99", -15)):
                said = f"{what} {_milliseconds(value)}"
                axes.annotate(
                    said, (value, place), (0, above), textcoords="offset points", ha="center", fontsize=7.5
                )
        axes.set_xscale("log")
        axes.margins(x=0.16)
        axes.set_ylim(-0.7, len(timed) - 0.3)
        axes.set_yticks(range(len(timed)), [line.source for line in timed], color=COLOURS["ink"])
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x")
        axes.xaxis.set_major_formatter(lambda value, _: _milliseconds(value))
        axes.xaxis.set_minor_formatter(lambda *_: "")

    return drawn("latency", "Median and 99th percentile of the latency by source", draw)


def decay(drift: Drift) -> str:
    """Coverage of the hot set by its age."""

    def draw(axes: Any) -> None:
        ages = [age.hours for age in drift.ages]
        axes.plot(
            ages, [age.coverage for age in drift.ages], color=COLOURS["cache"], marker="o", markersize=3
        )
        axes.set_ylim(0, 1.02)
        axes.set_xlim(left=0, right=max(ages[-1], 1))
        axes.set_xlabel("hours since the rebuild")
        _percent(axes)

    return drawn("drift", "Share of requests covered by the hot set, by hours since the rebuild", draw)


def _mark(axes: Any, size: int, rate: float, said: str, offset: tuple[int, int], hollow: bool) -> None:
    if size < 1:
        return
    face = COLOURS["paper"] if hollow else COLOURS["cache"]
    axes.plot(
        size, rate, "o", color=COLOURS["cache"], markerfacecolor=face, markersize=7, markeredgewidth=1.6
    )
    side = "right" if offset[0] < 0 else "left"
    axes.annotate(
        said, (size, rate), offset, textcoords="offset points", ha=side, fontsize=8, fontweight="bold"
    )


def _percent(axes: Any) -> None:
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"])


def _milliseconds(value: float) -> str:
    return f"{value * 1000:.3g} µs" if value < 0.1 else f"{value:.3g} ms"


def _clock(seconds: float, span: float) -> str:
    form = "%d %b %H:%M" if span > SECONDS_PER_DAY else "%H:%M"
    return datetime.fromtimestamp(seconds, UTC).strftime(form)
