"""Charts as elements: where the figures are drawn, and that nothing is fetched or run."""

import itertools
from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np
import pytest

from hybrid_recs.reports.charts import by_size, decay, latencies, over_time
from hybrid_recs.reports.drift import AgeCoverage, Drift
from hybrid_recs.reports.planner.hit_rate_curves import Policy
from hybrid_recs.reports.planner.plan import Plan, plan
from hybrid_recs.reports.planner.traffic import Traffic
from hybrid_recs.reports.plot import LegendEntry, Plot, Range
from hybrid_recs.reports.svg import Size
from hybrid_recs.telemetry.hit_rates import Point, SourceFigures

_SVG = "{http://www.w3.org/2000/svg}"


def _drawings(text: str) -> list[ElementTree.Element]:
    """The wide and the narrow drawing of a chart."""
    return list(ElementTree.fromstring(f"<figure>{text}</figure>").iter(f"{_SVG}svg"))


def _all(drawing: ElementTree.Element, tag: str, *classes: str) -> Iterator[ElementTree.Element]:
    for element in drawing.iter(f"{_SVG}{tag}"):
        if set(classes) <= set((element.get("class") or "").split()):
            yield element


def _texts(drawing: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in _all(drawing, "text")]


def _numbers(element: ElementTree.Element, *names: str) -> list[float]:
    return [float(element.get(name) or "nan") for name in names]


def _points(element: ElementTree.Element) -> list[list[float]]:
    return [[float(value) for value in pair.split(",")] for pair in (element.get("points") or "").split()]


def test_bars_are_the_shares_and_a_minute_without_requests_has_none() -> None:
    series = [
        Point(0, 10, 6, {"cache": 6, "live": 4}),
        Point(60, 0, 0, {}),
        Point(120, 4, 1, {"cache": 1, "live": 1, "none": 2}),
        Point(180, 1, 1, {"cache": 1}),
    ]
    for drawing in _drawings(over_time(series)):
        (full,) = [height for x, height in _boxes(drawing, "cache")[2:]]
        assert [height / full for _, height in _boxes(drawing, "cache")] == pytest.approx(
            [0.6, 0.25, 1], abs=1e-3
        )
        assert [height / full for _, height in _boxes(drawing, "live")] == pytest.approx(
            [0.4, 0.25], abs=1e-3
        )
        assert [height / full for _, height in _boxes(drawing, "none")] == pytest.approx([0.5], abs=1e-3)
        starts = [x for x, _ in _boxes(drawing, "cache")]
        assert starts[1] - starts[0] == pytest.approx(2 * (starts[2] - starts[1]), abs=0.3)
        assert _texts(drawing)[-3:] == ["00:00", "00:02", "00:04"]


def _boxes(drawing: ElementTree.Element, source: str) -> list[tuple[float, float]]:
    return [
        (x, height) for x, height in (_numbers(bar, "x", "height") for bar in _all(drawing, "rect", source))
    ]


@pytest.fixture
def plan_of_traffic() -> Plan:
    counts = np.array([50, 25, 10, 5, 5, 3, 2], np.int64)
    trace = np.repeat(np.arange(len(counts)), counts)
    return plan(Traffic(counts, 0.0, 0.0, trace, True, "by hand"), 0.9, hot_items=2, admitted_after=16)


def test_marks_lie_on_the_curve(plan_of_traffic: Plan) -> None:
    static = plan_of_traffic.curve(Policy.STATIC)
    assert static is not None
    for drawing in _drawings(by_size(plan_of_traffic)):
        curves = [line for line in _all(drawing, "polyline", "line") if len(_points(line)) > 2]
        assert len(curves) == len(plan_of_traffic.curves)
        drawn = _points(curves[-1])  # the last one is on top
        sizes = [size for size in static.sizes if size]
        (knee,), (today,) = _all(drawing, "circle", "hollow"), _all(drawing, "circle", "dot")
        assert _numbers(knee, "cx", "cy") == drawn[sizes.index(plan_of_traffic.knee_items)]
        assert _numbers(today, "cx", "cy") == drawn[sizes.index(2)]
        assert {"target 90%", "knee", "today 75%", "items with a list", "hindsight"} <= set(_texts(drawing))


def test_latencies_from_median_to_99th_percentile() -> None:
    figures = [
        SourceFigures("cache", 9, 0.9, 0.05, 0.5),
        SourceFigures("live", 1, 0.1, 5.0, 50.0),
        SourceFigures("none", 1, 0.0, None, None),
    ]
    for drawing in _drawings(latencies(figures)):
        (cache,), (live,) = (_all(drawing, "polyline", source) for source in ("cache", "live"))
        (start, end), (live_start, live_end) = _points(cache), _points(live)
        assert start[1] == end[1] < live_start[1]
        assert end[0] - start[0] == pytest.approx(live_end[0] - live_start[0], abs=0.3)  # both are ten times
        assert {"p50 50 µs", "p99 0.5 ms", "p50 5 ms", "p99 50 ms", "cache", "live"} <= set(_texts(drawing))
        assert "none" not in _texts(drawing)


def test_decay_has_a_point_an_hour(drift_of_three_hours: Drift) -> None:
    for drawing in _drawings(decay(drift_of_three_hours)):
        dots = [_numbers(dot, "cx", "cy") for dot in _all(drawing, "circle", "dot")]
        assert dots == _points(next(_all(drawing, "polyline", "cache")))
        assert [later[1] > earlier[1] for earlier, later in itertools.pairwise(dots)] == [True, True]
        assert "hours since the rebuild" in _texts(drawing)


@pytest.fixture
def drift_of_three_hours() -> Drift:
    ages = [AgeCoverage(float(hour), 100, 0.9 - 0.1 * hour) for hour in range(3)]
    return Drift("g", 1, 1, 1.0, 1.0, ages, None, None, [], "")


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        (Range(0, 9), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (Range(0, 30), [0, 5, 10, 15, 20, 25, 30]),
        (Range(0, 192), [0, 20, 40, 60, 80, 100, 120, 140, 160, 180]),
        (Range(1, 240, log=True), [1, 10, 100]),
        (Range(0.18, 0.69, log=True), [0.2, 0.5]),
        (Range(1, 2, log=True), [1, 2]),
    ],
)
def test_ticks_are_round_numbers(values: Range, ticks: list[float]) -> None:
    assert values.ticks(10) == pytest.approx(ticks)


def test_a_file_of_its_own_brings_its_colours_and_nothing_else() -> None:
    plot = Plot(
        Size(300, 200), 'a "label" & <more>', Range(0, 1), Range(0, 1), legend=[LegendEntry("a<b", "live")]
    )
    plot.line([(0, 0), (1, 1)], "live")
    text = plot.drawing.standalone()
    drawing = ElementTree.fromstring(text)
    assert (drawing.get("width"), drawing.get("height")) == ("300", "200")
    assert drawing.get("aria-label") == 'a "label" & <more>'
    assert "a<b" in _texts(drawing)
    (style,) = _all(drawing, "style")
    for part in ("prefers-color-scheme: dark", "@media print", "--live:"):
        assert part in (style.text or "")
    assert not {"script", "image", "use", "foreignObject"} & {
        element.tag.removeprefix(_SVG) for element in drawing.iter()
    }
    assert "url(" not in text
    assert text.count("http") == 1  # the name of the SVG format
