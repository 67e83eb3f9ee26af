"""The hit-rate report in each of its formats."""

import io
import time

import orjson
from rich.console import Console

from hybrid_recs.reports.hit_rate_bundle import HitRateBundle
from hybrid_recs.reports.html import html_report
from hybrid_recs.reports.markdown import markdown_report
from hybrid_recs.reports.terminal import print_bundle

FORMATS = ("text", "json", "md", "html")
_TEXT_WIDTH = 110


def render_bundle(bundle: HitRateBundle, form: str) -> str:
    """form: one of `FORMATS`."""
    if form == "json":
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        return orjson.dumps(bundle.as_json(), option=options).decode()
    if form == "html":
        return html_report(bundle, time.time())
    if form == "md":
        return markdown_report(bundle)
    console = Console(highlight=False, file=io.StringIO(), width=_TEXT_WIDTH)
    with console.capture() as captured:
        print_bundle(bundle, console)
    return captured.get()
