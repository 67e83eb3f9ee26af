"""Static SVG drawings whose colours and type come from `chart.css`: no script, nothing to fetch.

Elements carry CSS classes instead of colours, so that one drawing serves light, dark and print. No library
does that as it is: Matplotlib (97 MB with what it needs) and leather write colours into the elements, pygal
(LGPL) puts a script into every file and has no logarithmic x axis, vl-convert is a binary of 88 MB.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from xml.etree import ElementTree

XY = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in CSS pixels."""

    width: float
    height: float


# A report is 728 pixels wide on a desktop, so that text has the size which chart.css gives it.
WIDE, NARROW = Size(728, 266), Size(344, 246)


class Drawing:
    """One SVG element. Coordinates are CSS pixels, from the top left."""

    def __init__(self, size: Size, label: str) -> None:
        """`label` is read aloud in place of the drawing."""
        self._root = ElementTree.Element(
            "svg",
            {
                "class": "chart",
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {_number(size.width)} {_number(size.height)}",
                "role": "img",
                "aria-label": label,
            },
        )
        self._size = size

    def rectangle(self, corner: XY, size: Size, classes: str) -> None:
        """A filled rectangle; `corner` is its top left."""
        x, y = corner
        self._add("rect", classes, x=x, y=y, width=size.width, height=size.height)

    def line(self, points: Sequence[XY], classes: str) -> None:
        """Straight lines from point to point."""
        text = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        self._add("polyline", classes).set("points", text)

    def circle(self, centre: XY, radius: float, classes: str) -> None:
        """A circle."""
        self._add("circle", classes, cx=centre[0], cy=centre[1], r=radius)

    def text(self, position: XY, text: str, classes: str, anchor: str = "start") -> None:
        """A line of text. position: the baseline, at the `anchor` (start, middle or end) of the text."""
        element = self._add("text", classes, x=position[0], y=position[1])
        element.set("text-anchor", anchor)
        element.text = text

    def inline(self) -> str:
        """The element for an HTML page that contains `stylesheet()`."""
        return ElementTree.tostring(self._root, encoding="unicode")

    def standalone(self) -> str:
        """A file of its own, with the style inside."""
        root = ElementTree.Element(
            "svg", self._root.attrib | {"class": "chart standalone"} | _dimensions(self._size)
        )
        ElementTree.SubElement(root, "style").text = stylesheet()
        root.extend(self._root)
        return ElementTree.tostring(root, encoding="unicode") + "\n"

    def _add(self, tag: str, classes: str, **numbers: float) -> ElementTree.Element:
        attributes = {name: _number(value) for name, value in numbers.items()}
        return ElementTree.SubElement(self._root, tag, {"class": classes} | attributes)


def wide_and_narrow(draw: Callable[[Size], Drawing]) -> str:
    """A chart drawn for a wide page and again for a phone; the page's style shows one of them."""
    return "".join(
        f'<div class="{name}">{draw(size).inline()}</div>'
        for name, size in (("wide", WIDE), ("narrow", NARROW))
    )


def stylesheet() -> str:
    """The colours of light, dark and print as CSS variables, and the classes of drawings."""
    return (resources.files("hybrid_recs.reports") / "chart.css").read_text()


def _dimensions(size: Size) -> dict[str, str]:
    return {"width": _number(size.width), "height": _number(size.height)}


def _number(value: float) -> str:
    """At most one decimal: a tenth of a pixel is not seen."""
    return f"{round(value, 1) + 0.0:g}"
