"""From the moment of DELETE to the last answer that recommends the item: python -m benchmarks.hidden_item.

Two workers under full load: 32 connections, each asking again as soon as it is answered, for hot items in
whose lists the victims are, answered from the workers' memory, and for as many of the tail, searched live.
The items that are in most lists are hidden one after the other. Every answer is kept: each must hold k items,
and the last one with the victim in it is looked for among all that came after its DELETE was sent.
"""

import http.client
import os
import shutil
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import quote

import click
import numpy as np

from benchmarks.load import CONNECTIONS
from benchmarks.load.client import Client
from benchmarks.load.outcome import Exchanges
from benchmarks.speed import paths
from benchmarks.speed.built_index import built_index
from benchmarks.speed.rig import load_hot_lists, own_redis
from hybrid_recs.demo.child_service import child_service
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.neighbour_codec import decode_neighbours

_ROOT = Path(__file__).parents[1]
_ASKED = 2_000
_LEAD, _BETWEEN, _LONGEST = 3.0, 1.5, 300.0
_now = time.perf_counter


@dataclass(frozen=True, slots=True)
class Hiding:
    """When the DELETE of an item was sent and answered, by time.perf_counter."""

    item_id: str
    sent: float
    answered: float


class Operator:
    """Hides the items one after the other, from a thread."""

    def __init__(self, port: int, items: list[str]) -> None:
        self.hidings: list[Hiding] = []
        self._port, self._items = port, items
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def at_work(self) -> bool:
        return self._thread.is_alive()

    def _work(self) -> None:
        time.sleep(_LEAD)
        for item_id in self._items:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            sent = _now()
            connection.request("DELETE", f"/items/{quote(item_id, safe='')}")
            status = connection.getresponse().status
            self.hidings.append(Hiding(item_id, sent, _now()))
            connection.close()
            if status != 200:
                raise RuntimeError(f"DELETE of {item_id} was answered with {status}")
            time.sleep(_BETWEEN)


def in_most_lists(generation: Generation, count: int) -> tuple[list[str], list[int]]:
    """Ids of the items in most heads of hot lists, and the hot rows that have one of them there."""
    met: Counter[int] = Counter()
    heads = {}
    for row in generation.hot.rows.tolist():
        neighbours = decode_neighbours(generation.hot.encoded(row) or b"")
        assert neighbours is not None
        heads[row] = set(neighbours.rows[: paths.K].tolist())
        met.update(heads[row])
    victims = {row for row, _ in met.most_common(count)}
    asked = [row for row, head in heads.items() if head & victims]
    return [generation.catalogue.item_id(row) for row, _ in met.most_common(count)], asked


def last_seen(exchanges: Exchanges, hiding: Hiding) -> tuple[int, float]:
    """Answers with the item before its DELETE was sent, and milliseconds from there to the last with it."""
    mark = b'"item_id":"%b","score"' % hiding.item_id.encode()
    at = np.array([mark in body for body in exchanges.bodies])
    after = exchanges.done[at & (exchanges.done > hiding.sent)]
    before = int((at & (exchanges.done <= hiding.sent)).sum())
    return before, float(after.max() - hiding.sent) * 1e3 if len(after) else 0.0


@click.command(help=__doc__)
@click.option("--items", default=20_000, show_default=True, help="size of the synthetic catalogue")
@click.option("--victims", default=10, show_default=True, help="how many items to hide")
@click.option("--reuse", is_flag=True, help="take the built index as it is")
@click.option(
    "--built", type=click.Path(path_type=Path), default=_ROOT / "var" / "bench", help="where indexes are kept"
)
def main(items: int, victims: int, reuse: bool, built: Path) -> None:
    """Build, load, hide, tell."""
    for name in [name for name in os.environ if name.startswith("HYBRID_RECS_")]:
        del os.environ[name]
    index, folder = built_index(built, items, 1, reuse), Path(tempfile.mkdtemp(prefix="hr-hidden-"))
    shutil.copytree(index.folder, folder / "index", ignore=shutil.ignore_patterns("items.sqlite*"))
    generation = Generation.open(index.current)
    hidden, hot = in_most_lists(generation, victims)
    rows = np.random.default_rng(0).permutation([*hot, *paths.tail(index.current, len(hot))])[:_ASKED]
    try:
        with own_redis(folder / "redis") as url:
            load_hot_lists(url, index.current)
            environment = index.environment(url, folder / "var", index_dir=folder / "index")
            with child_service(folder / "log", environment, workers=2) as service:
                client = Client(
                    service.port, paths.paths_of(index.current, rows), CONNECTIONS, keep_bodies=True
                )
                client.closed_loop(1)
                operator = Operator(service.port, hidden)
                exchanges = client.closed_loop(_LONGEST, going=operator.at_work)
        _tell(exchanges, operator.hidings, victims)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tell(exchanges: Exchanges, hidings: list[Hiding], victims: int) -> None:
    load = exchanges.load()
    short = sum(body.count(b'"item_id"') != paths.K + 1 for body in exchanges.bodies)
    click.echo(
        f"{load.requests:,} answers, {load.rate:,.0f} a second, {load.errors} errors, {short} not of k items"
    )
    gone = []
    for hiding in hidings:
        before, milliseconds = last_seen(exchanges, hiding)
        gone.append(milliseconds)
        answered = (hiding.answered - hiding.sent) * 1e3
        click.echo(
            f"{hiding.item_id}: in {before:,} answers before; DELETE answered after {answered:.0f} ms, "
            f"last recommended {milliseconds:.0f} ms after it was sent"
        )
    if len(gone) != victims or load.errors or short:
        raise click.ClickException("not every item could be hidden, or an answer was wrong")
    click.echo(f"last recommended after DELETE: median {median(gone):.0f} ms, at most {max(gone):.0f} ms")


if __name__ == "__main__":
    main()
