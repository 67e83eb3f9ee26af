"""A drawing with axes: turns values into positions, and places ticks, labels and a legend."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hybrid_recs.reports.svg import XY, Drawing, Size

_TOP, _BOTTOM, _RIGHT, _LEFT = 12.0, 22.0, 14.0, 40.0
_TITLE_HEIGHT = 17.0
_LEGEND_LINE, _SAMPLE_WIDTH, _LEGEND_GAP = 18.0, 22.0, 18.0
_CHARACTER_WIDTH = 6.0
"""Texts cannot be measured here: the average width of a character of 11 pixels, rounded up."""
_MARK_GAP = 9.0
DOT = 4.5
"""Radius of a measured point."""
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Range:
    """The values of an axis; `log`: spaced by their logarithm, `low` is above 0."""

    low: float
    high: float
    log: bool = False

    def fraction(self, value: float) -> float:
        """Where a value lies, 0 at `low` and 1 at `high`."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, max_steps: int) -> list[float]:
        """Round numbers of the range: powers of ten on a logarithmic axis, else multiples of 1, 2 or 5."""
        if self.log:
            powers = [10.0**power for power in range(*self._powers())]
            ticks = self._inside(powers)
            return (
                ticks if len(ticks) > 1 else self._inside(step * power for power in powers for step in _STEPS)
            )
        power = 10.0 ** math.floor(math.log10((self.high - self.low) / max_steps))
        step = next(s * power for s in (*_STEPS, 10) if (self.high - self.low) / (s * power) <= max_steps)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [step * number for number in range(first, last + 1)]

    def _powers(self) -> tuple[int, int]:
        return math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1

    def _inside(self, values: Iterable[float]) -> list[float]:
        return [value for value in values if self.low <= value <= self.high]


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A text, and the classes of the line or the `dot` before it."""

    text: str
    classes: str
    dot: bool = False


class Plot:
    """A drawing with a horizontal and a vertical axis.

    legend: laid out in rows above the axes. title: of the horizontal axis. left: width of the labels of the
    vertical axis.
    """

    def __init__(
        self,
        size: Size,
        label: str,
        x: Range,
        y: Range,
        *,
        title: str = "",
        legend: Sequence[LegendEntry] = (),
        left: float = _LEFT,
    ) -> None:
        self.drawing = Drawing(size, label)
        self._x, self._y = x, y
        self._left, self._right = left, size.width - _RIGHT
        self._top = _TOP + self._draw_legend(legend)
        self._bottom = size.height - _BOTTOM - (_TITLE_HEIGHT if title else 0)
        if title:
            middle = (self._left + self._right) / 2
            self.drawing.text((middle, size.height - 4), title, "label", "middle")

    def position(self, x: float, y: float) -> XY:
        """The pixels of a point."""
        return (
            self._left + self._x.fraction(x) * (self._right - self._left),
            self._bottom + self._y.fraction(y) * (self._top - self._bottom),
        )

    def percent_axis(self) -> None:
        """Quarters of a vertical axis from 0 to 1, with a line across the plot at each."""
        for share, text in ((0, "0"), (0.25, "25"), (0.5, "50"), (0.75, "75"), (1, "100 %")):
            y = self.position(self._x.low, share)[1]
            self.drawing.line([(self._left, y), (self._right, y)], "grid")
            self.drawing.text((self._left - 6, y + 4), text, "label", "end")

    def name_axis(self, names: Sequence[str]) -> None:
        """Names instead of numbers on the vertical axis, at 0, 1, 2 and so on."""
        for row, name in enumerate(names):
            self.drawing.text((0, self.position(self._x.low, row)[1] + 4), name, "")

    def horizontal_axis(self, ticks: Sequence[tuple[float, str]], *, grid: bool = False) -> None:
        """Labels below the plot, with a short mark each, or a line across the plot (`grid`)."""
        for value, text in ticks:
            x = self.position(value, self._y.low)[0]
            self.drawing.line([(x, self._top if grid else self._bottom), (x, self._bottom + 4)], "grid")
            self.drawing.text((x, self._bottom + 16), text, "label", self._anchor(x, text))

    def line(self, points: Iterable[XY], classes: str) -> None:
        """Straight lines between points in the units of the axes."""
        self.drawing.line([self.position(*point) for point in points], f"line {classes}")

    def bar(self, start: XY, end: XY, classes: str) -> None:
        """A filled rectangle between its lower left and upper right corner."""
        (left, bottom), (right, top) = self.position(*start), self.position(*end)
        self.drawing.rectangle((left, top), Size(right - left, bottom - top), f"fill {classes}")

    def dot(self, point: XY, radius: float, classes: str) -> None:
        """A circle around a point."""
        self.drawing.circle(self.position(*point), radius, classes)

    def note(self, point: XY, text: str, offset: XY, classes: str = "", anchor: str = "start") -> None:
        """A text `offset` pixels from a point."""
        x, y = self.position(*point)
        self.drawing.text((x + offset[0], y + offset[1]), text, f"halo {classes}".strip(), anchor)

    def mark(self, point: XY, text: str, below: float, classes: str) -> None:
        """A dot with a label `below` its centre, to the right of it or, where the drawing ends, to the
        left."""
        self.dot(point, DOT, classes)
        fits = self.position(*point)[0] + _MARK_GAP + text_width(text) <= self._right + _RIGHT
        gap, anchor = (_MARK_GAP, "start") if fits else (-_MARK_GAP, "end")
        self.note(point, text, (gap, below), "strong", anchor)

    def _anchor(self, x: float, text: str) -> str:
        """Centred, or aligned to the edge of the plot that a long label would cross."""
        half = text_width(text) / 2
        if half > _RIGHT and x - half < self._left:
            return "start"
        return "end" if x + half > self._right + _RIGHT else "middle"

    def _draw_legend(self, entries: Sequence[LegendEntry]) -> float:
        """Draws the entries, and returns the height that they take."""
        x, y = self._left, _TOP - 4
        for entry in entries:
            width = _SAMPLE_WIDTH + text_width(entry.text)
            if x > self._left and x + width > self._right:
                x, y = self._left, y + _LEGEND_LINE
            end = x + _SAMPLE_WIDTH - 6
            if entry.dot:
                self.drawing.circle((end - 5, y), DOT, entry.classes)
            else:
                self.drawing.line([(x, y), (end, y)], f"line {entry.classes}")
            self.drawing.text((x + _SAMPLE_WIDTH, y + 4), entry.text, "label")
            x += width + _LEGEND_GAP
        return y + _LEGEND_LINE - _TOP if entries else 0.0


def text_width(text: str) -> float:
    """About how many pixels wide a label is."""
    return len(text) * _CHARACTER_WIDTH
