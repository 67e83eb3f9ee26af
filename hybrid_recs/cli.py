"""The hybrid-recs command: serve, explain, look after generations, stop the embedded Redis."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import click
import orjson
import uvicorn
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

import hybrid_recs
from hybrid_recs import logs, wiring
from hybrid_recs.cache import embedded_server
from hybrid_recs.errors import HybridRecsError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.manifest import Manifest
from hybrid_recs.ranking.explain import Explanation, Side, explain, known_row
from hybrid_recs.reports.planner.command import command as plan_command
from hybrid_recs.settings import Settings

# For responses that stay open; those told of the end by the service are done at once.
_GRACE_SECONDS = 5

_STATE_STYLE = {
    "current": "bold green",
    "published": "",
    "refused": "red",
    "unpublished": "yellow",
    "damaged": "red",
}


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except (HybridRecsError, ValidationError) as error:
        raise click.ClickException(str(error)) from error


@click.group(help=hybrid_recs.__doc__)
@click.version_option(hybrid_recs.__version__)
def main() -> None:
    """Group of all commands."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", default=8000, show_default=True, help="port to listen on; 0 takes a free one")
@click.option("--workers", default=1, show_default=True, help="processes; one a core is a good number")
def serve(host: str, port: int, workers: int) -> None:
    """Answer GET /recommendations?item_id=… (description at /docs)."""
    with _clear_errors():
        settings = Settings()
        # Settled once here, so that all workers share one server and one set of counters.
        os.environ["HYBRID_RECS_REDIS_URL"] = wiring.redis_url(settings)
        counters = settings.var_dir.absolute() / "counters" / str(os.getpid())
        os.environ["HYBRID_RECS_COUNTERS_DIR"] = str(counters)
    shutil.rmtree(counters, ignore_errors=True)
    try:
        uvicorn.run(
            "hybrid_recs.online.app:create_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            log_config=logs.log_config(settings.log_format, settings.log_level),
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    finally:
        shutil.rmtree(counters, ignore_errors=True)


main.add_command(plan_command)


@main.command("explain")
@click.argument("a")
@click.argument("b")
@click.option("--k", type=click.IntRange(1, 100), default=10, show_default=True, help="length of A's list")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain_pair(a: str, b: str, k: int, form: str) -> None:
    """Why item B is, or is not, among the best of item A."""
    with _clear_errors():
        store = wiring.store(Settings())
        generation = Generation.open(store.path(store.require_current()))
        told = explain(generation, known_row(generation, a), known_row(generation, b), k)
    if form == "json":
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        _print_explanation(told)


def _print_explanation(told: Explanation) -> None:
    console = _console()
    for side in (told.a, told.b):
        console.print(_described(side), soft_wrap=True, markup=False, highlight=False)
    table = Table("", "value", "place", box=None, pad_edge=False)
    for what, value, place in _explained(told):
        table.add_row(what, value, place)
    console.print(table)
    console.print(told.verdict, soft_wrap=True, markup=False, highlight=False)


def _described(side: Side) -> str:
    kind = "hot" if side.hot else "not hot" if side.has_vector else "no vector"
    kind += ", placed by its metadata" if side.from_metadata else ""
    return f"{side.item_id}  {side.title or '–'}  (popularity {side.popularity:,.10g}, {kind})"


def _explained(told: Explanation) -> list[tuple[str, str, str]]:
    rows = []
    if told.parts and told.ranks:
        parts, ranks = told.parts, told.ranks
        rows = [
            ("cosine", f"{parts.cosine:.4f}", ""),
            ("popularity tilt of B", f"{parts.tilt:.4f}", ""),
            ("cosine × tilt", f"{parts.near:.4f}", _place(ranks.near, ranks.ranked)),
            ("co-visit weight", f"{parts.covisit_weight:.4f}", _place(ranks.covisits, ranks.listed_covisits)),
            ("weight of co-visits", f"{parts.weight:g}", ""),
            ("co-visit part", f"{parts.covisit_part:.4f}", ""),
            ("score", f"{parts.score:.4f}", _place(ranks.score, ranks.ranked)),
        ]
    rows.append(("list of A", told.source.value, _place(told.place, told.k)))
    if told.precomputed_length is not None:
        rows.append(("precomputed list of A", "", _place(told.precomputed_place, told.precomputed_length)))
    return [*rows, ("generation", told.generation, "")]


def _place(place: int | None, of: int) -> str:
    return f"{f'{place:,}' if place else 'not'} {'of' if place else 'in'} {of:,}"


def _console() -> Console:
    console = Console()
    # Piped into another command, an id must not be cut to fit.
    return Console(width=None if console.is_terminal else 200)


@main.group()
def generations() -> None:
    """Look after what is published."""


@generations.command("list")
def list_generations() -> None:
    """Every generation on disk, oldest first, with its state."""
    with _clear_errors():
        listing = wiring.store(Settings()).listing()
    if not listing:
        click.echo("No generation yet; run: make rebuild-index DATASET=path/to/dataset.toml")
        return
    table = Table(
        "generation", "state", "dataset", "items", "hot", "recall@10", "MB", box=None, pad_edge=False
    )
    for entry in listing:
        table.add_row(entry.id, entry.state, *_figures(entry.manifest), style=_STATE_STYLE[entry.state])
    _console().print(table)


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
    """Check GENERATION (default: the current one) against its checksums, and that it opens."""
    with _clear_errors():
        store = wiring.store(Settings())
        generation = generation or store.require_current()
        store.verify(generation)
        Generation.open(store.path(generation))
    click.echo(f"{generation}: every file is as it was sealed")


@generations.command()
@click.argument("generation", required=False)
def rollback(generation: str | None) -> None:
    """Serve GENERATION (default: the one that served before) again."""
    with _clear_errors():
        settings = Settings()
        store = wiring.store(settings)
        with store.writer():
            target = generation or store.rollback_target()
            store.verify(target)
            said = wiring.load_into_redis(settings, Generation.open(store.path(target)))
            wiring.switch(settings, store, target, "rolled back")
    click.echo(f"{target} is in service again; Redis: {said}")


@generations.command()
@click.option(
    "--keep",
    type=click.IntRange(0),
    default=2,
    show_default=True,
    help="how many besides the current one to keep",
)
def prune(keep: int) -> None:
    """Remove old generations; the current one always stays."""
    with _clear_errors():
        store = wiring.store(Settings())
        with store.writer():
            removed = store.prune(keep)
    click.echo("\n".join(f"removed {name}" for name in removed) or "nothing to remove")


@main.command("stop-redis")
def stop_redis() -> None:
    """End the embedded redis-server; its data stays for the next start."""
    with _clear_errors():
        stopped = embedded_server.stop(Settings().var_dir)
    click.echo("the embedded redis-server has stopped" if stopped else "no embedded redis-server is running")


if __name__ == "__main__":
    main()
