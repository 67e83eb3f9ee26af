"""Run a comparator, without importing the others: python -m benchmarks.servers NAME --port PORT …"""

from pathlib import Path

import click
import uvicorn

_GRACE_SECONDS = 5
_PATH = click.Path(exists=True, path_type=Path)


@click.group()
def main() -> None:
    """Run a comparator of the benchmarks."""


def _serve(app: object, port: int) -> None:
    """Run with the uvicorn settings of `hybrid-recs serve`."""
    uvicorn.run(
        app,  # type: ignore[arg-type]
        host="127.0.0.1",
        port=port,
        log_level="info",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


@main.command("ceiling")
@click.option("--port", type=int, required=True)
@click.option("--response", type=_PATH, required=True, help="JSON: headers and body")
def serve_ceiling(port: int, response: Path) -> None:
    """Bare ASGI with one prepared response."""
    from benchmarks.servers import ceiling

    _serve(ceiling.create_app(response), port)


@main.command("tutorial")
@click.option("--port", type=int, required=True)
@click.option("--generation", type=_PATH, required=True)
@click.option("--redis-url", required=True)
def serve_tutorial(port: int, generation: Path, redis_url: str) -> None:
    """The straightforward service."""
    from benchmarks.servers import tutorial

    _serve(tutorial.create_app(generation, redis_url), port)


@main.command("hnswlib")
@click.option("--port", type=int, required=True)
@click.option("--generation", type=_PATH, required=True)
@click.option("--index", type=_PATH, required=True)
@click.option("--effort", type=int, required=True, help="ef")
def serve_hnswlib(port: int, generation: Path, index: Path, effort: int) -> None:
    """hnswlib behind a FastAPI route."""
    from benchmarks.servers.hnswlib_peer import Hnswlib
    from benchmarks.servers.peer import create_app

    _serve(create_app(generation, Hnswlib.open(generation, index, effort)), port)


@main.command("implicit")
@click.option("--port", type=int, required=True)
@click.option("--generation", type=_PATH, required=True)
@click.option("--effort", type=int, required=True, help="nprobe")
def serve_implicit(port: int, generation: Path, effort: int) -> None:
    """implicit behind a FastAPI route."""
    from benchmarks.servers.implicit_peer import Implicit
    from benchmarks.servers.peer import create_app

    _serve(create_app(generation, Implicit.open(generation, effort)), port)


@main.command("ours")
@click.option("--port", type=int, required=True)
@click.option("--counting", type=click.Choice(["on", "off"]), required=True)
@click.option("--index-dir", type=_PATH, required=True)
@click.option("--var-dir", type=click.Path(path_type=Path), required=True)
@click.option("--redis-url", required=True)
@click.option("--local-cache-mb", type=int, required=True)
def serve_ours(port: int, counting: str, **settings: object) -> None:
    """hybrid-recs, with or without counting."""
    from benchmarks.servers.ours import app
    from hybrid_recs.settings import Settings

    _serve(app(Settings.model_validate(settings), counting == "on"), port)


if __name__ == "__main__":
    main()
