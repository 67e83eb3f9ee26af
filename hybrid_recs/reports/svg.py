"""From a Matplotlib figure to a piece of SVG that takes its colours and type from the page around it.

Matplotlib writes a static drawing of 5 to 20 kB: no script, nothing to fetch, sharp in print. Colours are
drawn as placeholders and become CSS variables, so that one drawing serves light and dark.
"""

import io
import re
from collections.abc import Callable
from importlib import resources
from typing import Any

from hybrid_recs.errors import HybridRecsError

# Placeholder → the page's variable.
COLOURS = {
    "ink": "#010101",
    "muted": "#020202",
    "rule": "#030303",
    "paper": "#040404",
    "cache": "#050505",
    "live": "#060606",
    "batch": "#070707",
    "content": "#080808",
    "popular": "#090909",
    "none": "#0a0a0a",
}
_REMEDY = "charts need Matplotlib: pip install 'hybrid-recs[report]', or choose another format"
WIDE, NARROW = (7.4, 2.7), (3.5, 2.5)
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": COLOURS["rule"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.labelsize": 8,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": COLOURS["rule"],
    "grid.linewidth": 0.6,
    "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 3,
    "xtick.major.width": 0.6,
    "xtick.minor.size": 0,
    "ytick.major.size": 0,
    "lines.solid_capstyle": "round",
    "lines.linewidth": 1.8,
}

Draw = Callable[[Any], None]
"""Draws on an Axes."""


def drawn(name: str, label: str, draw: Draw) -> str:
    """The SVG of a chart, once for a wide page and once for a phone; the page's style shows one of them.

    name: distinct on the page. label: read aloud in place of the drawing.
    """
    return "".join(
        f'<div class="{room}">{svg(f"{name}-{room}", label, draw, size)}</div>'
        for room, size in (("wide", WIDE), ("narrow", NARROW))
    )


def standalone(name: str, label: str, draw: Draw, size: tuple[float, float]) -> str:
    """A drawing as a file of its own, on white, with the page's light colours."""
    text = svg(name, label, draw, size)
    page = (resources.files("hybrid_recs.reports") / "page.css").read_text()
    for variable in COLOURS:
        found = re.search(rf"--{variable}: (#\w+)", page)
        text = text.replace(f"var(--{variable})", found[1] if found else "#000")
    return text.replace("<svg ", '<svg style="background: #fff; font-family: sans-serif" ', 1) + "\n"


def svg(name: str, label: str, draw: Draw, size: tuple[float, float]) -> str:
    """One SVG element; `size` in inches of 96 pixels, at which text has the size of the page's small
    print."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise HybridRecsError(_REMEDY) from error
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": name}):
        figure = Figure(figsize=size, layout="constrained")
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        draw(axes)
        out = io.StringIO()
        figure.savefig(
            out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    return _for_the_page(out.getvalue(), name, label)


def _for_the_page(text: str, name: str, label: str) -> str:
    """Variables for colours, the page's type, names that no other drawing on the page has."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', _head(label), text, count=1)
    for variable, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{variable})")
    text = re.sub(r"font: (?:(\d+) )?([\d.]+px) [^;\"]+", _font, text)
    text = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", text)
    return re.sub(r"\n\s*", "\n", text).strip()


def _head(label: str) -> str:
    return (
        r'<svg viewBox="\1" role="img" xmlns="http://www.w3.org/2000/svg" '
        rf'xmlns:xlink="http://www.w3.org/1999/xlink" aria-label="{label}">'
    )


def _font(found: re.Match[str]) -> str:
    weight = f"font-weight: {found[1]}; " if found[1] else ""
    return f"{weight}font-size: {found[2]}"
