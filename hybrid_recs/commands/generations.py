"""`hybrid-recs generations`: list, verify, roll back, prune."""

import click
from rich.table import Table

from hybrid_recs import wiring
from hybrid_recs.commands.consoles import wide_console
from hybrid_recs.commands.error_messages import click_errors
from hybrid_recs.generation.manifest import Manifest
from hybrid_recs.settings import Settings

_STATE_STYLE = {
    "current": "bold green",
    "published": "",
    "refused": "red",
    "unpublished": "yellow",
    "damaged": "red",
}


@click.group()
def generations() -> None:
    """Manage published generations."""


@generations.command("list")
def list_generations() -> None:
    """Every generation on disk, oldest first, with its state."""
    with click_errors():
        listing = wiring.store(Settings()).generations()
    if not listing:
        click.echo("No generation yet; run: make rebuild-index DATASET=path/to/dataset.toml")
        return
    table = Table(
        "generation", "state", "dataset", "items", "hot", "recall@10", "MB", box=None, pad_edge=False
    )
    for entry in listing:
        state = f"{entry.state}, kept" if entry.kept else entry.state
        table.add_row(entry.id, state, *_figures(entry.manifest), style=_STATE_STYLE[entry.state])
    wide_console().print(table)


def _figures(manifest: Manifest | None) -> list[str]:
    if manifest is None:
        return []
    return [
        manifest.dataset.name,
        f"{manifest.items:,}",
        f"{manifest.hot_items:,}",
        f"{manifest.quality.get('ann_recall@10', float('nan')):.3f}",
        f"{sum(file.bytes for file in manifest.files.values()) / 1e6:.1f}",
    ]


@generations.command()
@click.argument("generation", required=False)
def verify(generation: str | None) -> None:
    """Check that GENERATION (default: the current one) matches its checksums and opens."""
    with click_errors():
        store = wiring.store(Settings())
        generation = generation or store.require_current()
        store.verify(generation)
        store.open(generation)
    click.echo(f"{generation}: every file matches its checksum")


@generations.command()
@click.argument("generation", required=False)
def rollback(generation: str | None) -> None:
    """Serve GENERATION (default: the one that served before) again."""
    with click_errors():
        settings = Settings()
        store = wiring.store(settings)
        with store.writer():
            target = generation or store.rollback_target()
            store.verify(target)
            loaded = wiring.load_into_redis(settings, store.open(target))
            wiring.switch(settings, store, target, "rolled back")
    click.echo(f"{target} is in service again; Redis: {loaded}")


@generations.command()
@click.argument("generation")
@click.option("--release", is_flag=True, help="let it be removed again, as any other")
def keep(generation: str, release: bool) -> None:
    """Keep GENERATION on disk, however many are published after it."""
    with click_errors():
        store = wiring.store(Settings())
        with store.writer():
            store.keep(generation, not release)
    click.echo(f"{generation} {'may be removed again' if release else 'is kept until it is released'}")


@generations.command()
@click.option(
    "--keep",
    type=click.IntRange(0),
    default=2,
    show_default=True,
    help="older generations to keep",
)
def prune(keep: int) -> None:
    """Remove old generations; the current one and those that are kept always stay."""
    with click_errors():
        store = wiring.store(Settings())
        with store.writer():
            removed = store.prune(keep)
    click.echo("\n".join(f"removed {name}" for name in removed) or "nothing to remove")
