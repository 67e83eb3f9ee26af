"""The charts of the report, and the curves for pictures of the documentation."""

from collections.abc import Sequence
from datetime import UTC, datetime

from hybrid_recs.reports.drift import Drift
from hybrid_recs.reports.planner.hit_rate_curves import Policy
from hybrid_recs.reports.planner.plan import Plan
from hybrid_recs.reports.plot import DOT, LegendEntry, Plot, Range, text_width
from hybrid_recs.reports.svg import Drawing, Size, wide_and_narrow
from hybrid_recs.telemetry.hit_rates import Point, SourceFigures
from hybrid_recs.types import SECONDS_PER_DAY, Source

# In the order of the legend; drawn in the opposite order, so that `static` is on top.
_CURVES = {
    Policy.STATIC: LegendEntry("static", "cache thick"),
    Policy.TINY_LFU: LegendEntry("LFU with admission", "live"),
    Policy.LRU: LegendEntry("LRU", "popular"),
    Policy.HINDSIGHT: LegendEntry("hindsight", "muted dotted"),
    Policy.RISING: LegendEntry("static + rising items", "cache dashed"),
}
_SHARE = Range(0, 1.02)
_BAR_WIDTH = 0.86
_ROW_HEIGHT = 46
# Of the range of latencies, left free on both sides for labels; a factor where the range is tiny.
_LATENCY_MARGIN, _MIN_LATENCY_MARGIN = 0.16, 1.6


def over_time(series: Sequence[Point]) -> str:
    """Share of each source in each stretch of the window; no bar where nothing was requested."""

    def draw(size: Size) -> Drawing:
        stretches, first = len(series), series[0].start
        step = series[1].start - first if stretches > 1 else 60
        plot = Plot(size, "Share of requests by source over time", Range(0, stretches), Range(0, 1))
        plot.percent_axis()
        for place, point in enumerate(series):
            base = 0.0
            for source in Source:
                if count := point.sources.get(source.value, 0):
                    top = base + count / point.requests
                    plot.bar((place, base), (place + _BAR_WIDTH, top), source.value)
                    base = top
        labelled = sorted({0, stretches // 2, stretches}) if stretches > 3 else [0]
        plot.horizontal_axis([(place, _clock(first + step * place, step * stretches)) for place in labelled])
        return plot.drawing

    return wide_and_narrow(draw)


def by_size(plan: Plan) -> str:
    """Hit rate against size for each policy, with the knee, the target and today's size."""

    def draw(size: Size) -> Drawing:
        plot = sizes_plot(size, "Hit rate against the number of items with a list", plan)
        if plan.knee_items:
            plot.mark((plan.knee_items, plan.static_rate(plan.knee_items)), "knee", -6, "hollow cache")
        if plan.hot_items:
            rate = plan.static_rate(plan.hot_items)
            plot.mark((plan.hot_items, rate), f"today {rate:.0%}", 16, "dot cache")
        return plot.drawing

    return wide_and_narrow(draw)


def sizes_plot(size: Size, label: str, plan: Plan, points: Sequence[LegendEntry] = ()) -> Plot:
    """The curves of all policies and the target; `points`: further entries of the legend."""
    curves = {policy: curve for policy in _CURVES if (curve := plan.curve(policy)) is not None}
    max_items = max(curve.sizes[-1] for curve in curves.values())
    x = Range(1, max(max_items, 2), log=True)
    legend = [*(_CURVES[policy] for policy in curves), *points]
    plot = Plot(size, label, x, _SHARE, title="items with a list", legend=legend)
    plot.percent_axis()
    plot.horizontal_axis([(items, f"{items:,.0f}") for items in x.ticks(8)])
    plot.line([(x.low, plan.target), (x.high, plan.target)], "ink thin dashed")
    for policy, curve in reversed(curves.items()):
        pairs = zip(curve.sizes, curve.hit_rates, strict=True)
        plot.line([(items, rate) for items, rate in pairs if items], _CURVES[policy].classes)
    plot.note((x.low, plan.target), f"target {plan.target:.0%}", (2, -5))
    return plot


def latencies(sources: Sequence[SourceFigures]) -> str:
    """Median to 99th percentile of each source."""
    timed = [
        (figures.source, figures.p50_ms, figures.p99_ms)
        for figures in reversed(sources)
        if figures.p50_ms and figures.p99_ms
    ]
    lowest, highest = min(p50 for _, p50, _ in timed), max(p99 for _, _, p99 in timed)
    margin = max((highest / lowest) ** _LATENCY_MARGIN, _MIN_LATENCY_MARGIN)
    x = Range(lowest / margin, highest * margin, log=True)

    def draw(size: Size) -> Drawing:
        names = [source for source, _, _ in timed]
        plot = Plot(
            Size(size.width, _ROW_HEIGHT * len(timed) + 40),
            "Median and 99th percentile of the latency by source",
            x,
            Range(-0.6, len(timed) - 0.4),
            left=max(map(text_width, names)) + 10,
        )
        plot.horizontal_axis([(ms, _milliseconds(ms)) for ms in x.ticks(8)], grid=True)
        plot.name_axis(names)
        for row, (source, p50, p99) in enumerate(timed):
            plot.line([(p50, row), (p99, row)], f"{source} thick")
            plot.dot((p50, row), DOT + 1, f"dot {source}")
            plot.dot((p99, row), DOT - 1, f"hollow {source}")
            # One above and one below: on a phone they would run into each other.
            plot.note((p50, row), f"p50 {_milliseconds(p50)}", (0, -11), anchor="middle")
            plot.note((p99, row), f"p99 {_milliseconds(p99)}", (0, 17), anchor="middle")
        return plot.drawing

    return wide_and_narrow(draw)


def decay(drift: Drift) -> str:
    """Coverage of the hot set by its age."""
    points = [(age.hours, age.coverage) for age in drift.ages]
    x = Range(0, max(drift.ages[-1].hours, 1))

    def draw(size: Size) -> Drawing:
        label = "Share of requests covered by the hot set, by hours since the rebuild"
        plot = Plot(size, label, x, _SHARE, title="hours since the rebuild")
        plot.percent_axis()
        plot.horizontal_axis([(hours, f"{hours:g}") for hours in x.ticks(10)])
        plot.line(points, "cache")
        for point in points:
            plot.dot(point, DOT - 2, "dot cache")
        return plot.drawing

    return wide_and_narrow(draw)


def _milliseconds(value: float) -> str:
    return f"{value * 1000:.3g} µs" if value < 0.1 else f"{value:.3g} ms"


def _clock(seconds: float, span: float) -> str:
    pattern = "%d %b %H:%M" if span > SECONDS_PER_DAY else "%H:%M"
    return datetime.fromtimestamp(seconds, UTC).strftime(pattern)
