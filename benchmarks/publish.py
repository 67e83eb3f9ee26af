"""Publishes a sealed generation as the job does, last steps only: python -m benchmarks.publish GENERATION."""

import click
from rich.console import Console

from hybrid_recs import wiring
from hybrid_recs.manifest import Manifest
from hybrid_recs.offline.progress import Steps
from hybrid_recs.settings import Settings
from jobs.rebuild_index import publish

_KEEP = 10


@click.command(help=__doc__)
@click.argument("generation")
def main(generation: str) -> None:
    """Through the gate, into Redis, and into service."""
    settings = Settings()
    store = wiring.store(settings)
    with store.writer():
        publish(store, Manifest.read(store.path(generation)), settings, Steps(Console(quiet=True)), _KEEP)


if __name__ == "__main__":
    main()
