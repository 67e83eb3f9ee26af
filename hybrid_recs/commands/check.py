"""`hybrid-recs check`, also run as `make check-data`."""

from pathlib import Path

import click
from rich.console import Console

from hybrid_recs import wiring
from hybrid_recs.commands.error_messages import print_errors
from hybrid_recs.settings import Settings

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
    # Polars is not loaded to serve.
    from hybrid_recs.offline.build.options import BuildOptions
    from hybrid_recs.offline.check.inspection import inspect
    from hybrid_recs.offline.check.render import TEXT_WIDTH, render
    from hybrid_recs.offline.check.terminal import print_report
    from hybrid_recs.offline.sources.dataset_config import DatasetConfig

    settings, errors = Settings(), Console(stderr=True, highlight=False)
    with print_errors(errors):
        config = DatasetConfig.load(dataset, data_dir)
        edits = wiring.item_changes(settings).all()
        others = sum(not change.is_of(config.name) for change in edits)
        report = inspect(config, BuildOptions.from_settings(settings), others, show_users)
    if out is not None:
        out.write_text(render(report, form), "utf-8")
    elif form == "text":
        console = Console(highlight=False)
        print_report(report, console if console.is_terminal else Console(highlight=False, width=TEXT_WIDTH))
    else:
        click.echo(render(report, form), nl=False)
    if any(one.cannot_be_right for one in report.suspicions):
        raise SystemExit(1)
