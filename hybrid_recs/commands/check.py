"""`hybrid-recs check`, also run as `make check-data`."""

import io
from dataclasses import asdict
from pathlib import Path

import click
import orjson
from rich.console import Console

from hybrid_recs import wiring
from hybrid_recs.commands.error_messages import print_errors
from hybrid_recs.offline.build.options import BuildOptions
from hybrid_recs.offline.check.html import html_page
from hybrid_recs.offline.check.inspection import inspect
from hybrid_recs.offline.check.report import CheckReport
from hybrid_recs.offline.check.terminal import print_report
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.settings import Settings

_WIDTH = 120
_HELP = """Show what is understood of a dataset, before anything is learned.

Prints the files and columns of every table and what they are taken for, the rows that are kept and dropped
with an example of each reason, users, items, the span of the times with the outliers, the longest histories,
crawlers, how popular the most popular items are, how log and items table meet, what a rebuild would do, and
what looks wrong, with a remedy. Reads the files and writes nothing.

Values of the user columns are masked ("a…m, 17 characters").

The exit status is 1 when the data cannot be read, or when something cannot be right: a rebuild stops then,
too.
"""


@click.command("check", help=_HELP)
@click.option("--dataset", required=True, type=click.Path(path_type=Path), help="path of the dataset.toml")
@click.option("--data-dir", type=click.Path(path_type=Path), help="folder that its relative paths start from")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="write to this file")
@click.option("--show-users", is_flag=True, help="do not mask the values of user columns")
def check(dataset: Path, data_dir: Path | None, form: str, out: Path | None, show_users: bool) -> None:
    """Inspect and print."""
    settings, errors = Settings(), Console(stderr=True, highlight=False)
    with print_errors(errors):
        config = DatasetConfig.load(dataset, data_dir)
        edits = wiring.item_changes(settings).all()
        others = sum(not change.is_of(config.name) for change in edits)
        report = inspect(config, BuildOptions.from_settings(settings), others, show_users)
    if form == "text" and out is None:
        console = Console(highlight=False)
        print_report(report, console if console.is_terminal else Console(highlight=False, width=_WIDTH))
    else:
        _write(render(report, form), out)
    if any(one.cannot_be_right for one in report.suspicions):
        raise SystemExit(1)


def render(report: CheckReport, form: str) -> str:
    """form: text, json or html."""
    if form == "json":
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        return orjson.dumps(asdict(report), option=options).decode()
    if form == "html":
        return html_page(report)
    console = Console(highlight=False, file=io.StringIO(), width=_WIDTH)
    with console.capture() as captured:
        print_report(report, console)
    return captured.get()


def _write(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, "utf-8")
