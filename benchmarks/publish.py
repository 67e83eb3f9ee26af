"""Publish a sealed generation with the last steps of the job: python -m benchmarks.publish GENERATION."""

import shutil

import click
import numpy as np
from rich.console import Console

from hybrid_recs import wiring
from hybrid_recs.commands.rebuild_index import publish
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.manifest import FILE_NAME, Manifest
from hybrid_recs.generation.neighbour_lists import NeighbourLists
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.offline.build.precompute import precompute_lists
from hybrid_recs.offline.progress import Steps
from hybrid_recs.settings import Settings

_KEEP = 10


@click.command(help=__doc__)
@click.argument("generation")
def main(generation: str) -> None:
    """Check the generation with the gate, load its lists into Redis, and make it current."""
    settings = Settings()
    store = wiring.store(settings)
    with store.writer():
        publish(store, Manifest.read(store.path(generation)), settings, Steps(Console(quiet=True)), _KEEP)


def publish_copy_with_hot(
    store: GenerationStore, generation: Generation, name: str, hot_items: int
) -> Generation:
    """Publish a copy of the generation as `name`, with lists for its `hot_items` most popular items."""
    staged, source = store.stage(name), store.path(generation.id)
    for path in source.iterdir():
        if path.name != FILE_NAME and not path.name.startswith("hot_"):
            shutil.copy(path, staged)
    rows = np.arange(min(hot_items, generation.manifest.vectors), dtype=np.int64)
    NeighbourLists.write(staged, rows, precompute_lists(generation.scorer, rows))
    update = {"id": name, "hot_items": len(rows), "files": {}}
    folder = store.seal(generation.manifest.model_copy(update=update))
    store.publish(name)
    return Generation.open(folder)


if __name__ == "__main__":
    main()
