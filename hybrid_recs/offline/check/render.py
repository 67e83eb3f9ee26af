"""A check in each of its formats."""

import io
from dataclasses import asdict

import orjson
from rich.console import Console

from hybrid_recs.offline.check.html import html_page
from hybrid_recs.offline.check.report import CheckReport
from hybrid_recs.offline.check.terminal import print_report

TEXT_WIDTH = 120


def render(report: CheckReport, form: str) -> str:
    """form: text, json or html."""
    if form == "json":
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        return orjson.dumps(asdict(report), option=options).decode()
    if form == "html":
        return html_page(report)
    console = Console(highlight=False, file=io.StringIO(), width=TEXT_WIDTH)
    with console.capture() as captured:
        print_report(report, console)
    return captured.get()
