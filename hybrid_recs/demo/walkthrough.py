"""What the demo asks and prints; the order of its steps is in jobs/demo.py."""

from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from hybrid_recs.demo.replay import ask, connect_to, skewed_requests
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.manifest import DEMO_DATASET, dataset_name_of
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.settings import Settings
from hybrid_recs.types import Json

_SHOWN = 8
_WORD = "running shoe"


def settings_of_its_own(settings: Settings) -> Settings:
    """The given settings; with an index folder of the demo's own if another dataset is published there."""
    store = GenerationStore(settings.index_dir)
    current = store.current()
    if current is None or dataset_name_of(store.path(current)) == DEMO_DATASET:
        return settings
    return settings.model_copy(update={"index_dir": settings.var_dir / "demo" / "index"})


def environment(settings: Settings, redis_url: str) -> dict[str, str]:
    """What a child service needs to be told to use the same index and Redis."""
    return {
        "HYBRID_RECS_INDEX_DIR": str(settings.index_dir),
        "HYBRID_RECS_REDIS_URL": redis_url,
    }


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
    """The neighbours of one hot and of one tail item, as the service answers them."""
    connection = connect_to(url)
    for kind, row in (("Popular", _hot_row(generation)), ("Long-tail", _tail_row(generation))):
        item_id = generation.catalogue.item_id(row)
        ask(connection, item_id, _SHOWN)  # so that the time shown is not that of a first touch
        answer = ask(connection, item_id, _SHOWN)
        console.print()
        console.print(f"[bold]{kind}[/]: {generation.catalogue.title(row)} ({item_id})", soft_wrap=True)
        console.print(f"source [bold]{answer['source']}[/], {answer['milliseconds']:.3f} ms")
        console.print(_table(answer))
    connection.close()


def print_next_steps(settings: Settings, generation: Generation, console: Console) -> None:
    """What to try now."""
    example = generation.catalogue.item_id(_hot_row(generation))
    own = "" if settings.index_dir == Settings().index_dir else f"HYBRID_RECS_INDEX_DIR={settings.index_dir} "
    console.print("\n[bold]Next[/]", highlight=False)
    console.print(f"  {own}make serve", markup=False, soft_wrap=True)
    console.print(f"  curl 'http://127.0.0.1:8000/recommendations?item_id={example}&k=10'", soft_wrap=True)
    console.print("  make rebuild-index DATASET=path/to/dataset.toml   (examples/ has some)")
    console.print("  make hit-rate-report", soft_wrap=True)
    console.print("  make stop-redis", soft_wrap=True)


def _hot_row(generation: Generation) -> int:
    """The most popular hot item of the kind that everyone can judge, else the most popular of all."""
    for row in generation.hot.rows[:5_000].tolist():
        if _WORD in (generation.catalogue.title(row) or "").lower():
            return int(row)
    return int(generation.hot.rows[0])


def _tail_row(generation: Generation) -> int:
    """An item in the middle of those that are not hot."""
    tail = np.setdiff1d(np.arange(generation.manifest.vectors), generation.hot.rows)
    return int(tail[len(tail) // 2])


def _table(answer: Json) -> Table:
    table = Table("score", "item", "title", box=None, header_style="dim")
    for item in answer["items"]:
        table.add_row(f"{item['score']:.3f}", item["item_id"], item["title"] or "")
    return table
