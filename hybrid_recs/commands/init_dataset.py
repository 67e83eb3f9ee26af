"""`hybrid-recs init-dataset`, also run as `make init-dataset`."""

import sys
from pathlib import Path

import click
from rich.console import Console

from hybrid_recs.commands.error_messages import print_errors

_HELP = """Look at a file of interactions and write a draft of its dataset.toml.

Finds encoding, separator, the columns of user, item, time, event or weight by their names and their cells,
how times are written, and titles and categories. Where it had to guess, a comment says so. The draft is
printed, or written to a file that does not exist yet, beside the data.

\b
  hybrid-recs init-dataset orders.csv --out dataset.toml
  hybrid-recs check --dataset dataset.toml
"""


@click.command("init-dataset", help=_HELP)
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="write to this file")
def init_dataset(path: Path, out: Path | None) -> None:
    """Draft and print or write."""
    from hybrid_recs.offline.check.draft import draft_of  # Polars is not loaded to serve

    console = Console(stderr=True, highlight=False)
    with print_errors(console):
        draft = draft_of(path)
    if out is None:
        click.echo(draft.toml, nl=False)
    elif out.exists():
        raise click.ClickException(f"{out} exists; name another file with --out, or move it away")
    else:
        out.write_text(draft.toml, "utf-8")
        console.print(f"Wrote {out}. Next: hybrid-recs check --dataset {out}", soft_wrap=True)
        if out.resolve().parent != path.resolve().parent:
            console.print(f"Its path is relative to the data: add --data-dir {path.parent}", soft_wrap=True)
    if draft.missing:
        console.print(f"No column looks like {' or '.join(draft.missing)}: fill the draft in.")
        sys.exit(1)
