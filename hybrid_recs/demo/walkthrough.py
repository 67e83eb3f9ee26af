"""What the demo sends and prints; the order of its steps is in commands/demo.py."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from hybrid_recs.demo.replay import connect_to, request, skewed_requests
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.manifest import DEMO_DATASET, dataset_name_of
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.types import Json

_TABLE_LENGTH = 8
_FAMILIAR_PRODUCT = "running shoe"


def demo_index_dir(index_dir: Path, own_dir: Path) -> Path:
    """`index_dir`, or `own_dir` if a generation of another dataset is published there."""
    store = GenerationStore(index_dir)
    current = store.current()
    if current is None or dataset_name_of(store.path(current)) == DEMO_DATASET:
        return index_dir
    return own_dir


def service_environment(index_dir: Path, redis_url: str) -> dict[str, str]:
    """Environment of a child service that uses this index and this Redis."""
    return {"HYBRID_RECS_INDEX_DIR": str(index_dir), "HYBRID_RECS_REDIS_URL": redis_url}


def traffic(generation: Generation, count: int) -> list[str]:
    """Requests in proportion to popularity."""
    catalogue = generation.catalogue
    ids = [catalogue.item_id(row) for row in range(len(catalogue))]
    return skewed_requests(ids, catalogue.popularity.tolist(), count, seed=1)


def title_of(generation: Generation) -> Callable[[str], str | None]:
    """Looks up titles in a generation."""

    def title(item_id: str) -> str | None:
        row = generation.catalogue.row(item_id)
        return None if row is None else generation.catalogue.title(row)

    return title


def print_neighbours(url: str, generation: Generation, console: Console) -> None:
    """The neighbours of one hot and of one tail item, as the service answers."""
    connection = connect_to(url)
    for kind, row in examples(generation):
        item_id = generation.catalogue.item_id(row)
        request(connection, item_id, _TABLE_LENGTH)  # warms up, so that the time of the second one is typical
        answer = request(connection, item_id, _TABLE_LENGTH)
        console.print()
        console.print(f"[bold]{kind}[/]: {generation.catalogue.title(row)} ({item_id})", soft_wrap=True)
        console.print(f"source [bold]{answer['source']}[/], {answer['milliseconds']:.3f} ms")
        console.print(_table(answer))
    connection.close()


def print_next_steps(generation: Generation, own_index_dir: Path | None, console: Console) -> None:
    """Commands to try next; own_index_dir: the demo's index folder if it is not the configured one."""
    example = generation.catalogue.item_id(examples(generation)[0][1])
    variable = f"HYBRID_RECS_INDEX_DIR={own_index_dir} " if own_index_dir else ""
    console.print("\n[bold]Next[/]", highlight=False)
    console.print(f"  {variable}make serve", markup=False, soft_wrap=True)
    console.print(f"  curl 'http://127.0.0.1:8000/recommendations?item_id={example}&k=10'", soft_wrap=True)
    console.print("  make rebuild-index DATASET=path/to/dataset.toml   (examples/ has some)")
    console.print("  make hit-rate-report", soft_wrap=True)
    console.print("  make stop-redis", soft_wrap=True)


def examples(generation: Generation) -> list[tuple[str, int]]:
    """What to show, and its row: the most popular hot item of a kind that everyone can judge, else the most
    popular one; and an item of medium popularity that is not hot. With all items hot, or none, one of
    them."""
    hot = generation.hot.rows.tolist()
    tail = np.setdiff1d(np.arange(generation.manifest.vectors), generation.hot.rows)
    familiar = (row for row in hot[:5_000] if _is_familiar(generation.catalogue.title(row)))
    popular = [("Popular", int(next(familiar, hot[0])))] if hot else []
    return popular + ([("Long-tail", int(tail[len(tail) // 2]))] if len(tail) else [])


def _is_familiar(title: str | None) -> bool:
    return _FAMILIAR_PRODUCT in (title or "").lower()


def _table(answer: Json) -> Table:
    table = Table("score", "item", "title", box=None, header_style="dim")
    for item in answer["items"]:
        table.add_row(f"{item['score']:.3f}", item["item_id"], item["title"] or "")
    return table
