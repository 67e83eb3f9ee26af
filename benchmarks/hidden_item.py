"""Time from DELETE of an item to the last response that recommends it: python -m benchmarks.hidden_item.

Two workers under full load: 32 connections in a closed loop request hot items whose lists contain the victims
(answered from the workers' memory), and as many tail items (searched live). The items that are in most lists
are hidden one after the other. Every response is kept: each must hold k items, and the last one with the
victim is searched among all responses after its DELETE was sent.
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
from benchmarks.load.exchanges import Exchanges
from benchmarks.speed import traffic
from benchmarks.speed.built_index import built_index
from benchmarks.speed.harness import load_hot_lists, own_redis
from hybrid_recs.demo.child_service import child_service
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.neighbour_codec import decode_neighbours

_ROOT = Path(__file__).parents[1]
_REQUESTED_ROWS = 2_000
_LEAD, _SECONDS_BETWEEN, _MAX_SECONDS = 3.0, 1.5, 300.0
_now = time.perf_counter


@dataclass(frozen=True, slots=True)
class Hiding:
    """Times (time.perf_counter) at which the DELETE of an item was sent and answered."""

    item_id: str
    sent: float
    answered: float


class Operator:
    """Hides the items one after the other in a thread."""

    def __init__(self, port: int, items: list[str]) -> None:
        self.hidings: list[Hiding] = []
        self._port, self._items = port, items
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def is_running(self) -> bool:
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
            time.sleep(_SECONDS_BETWEEN)


def in_most_lists(generation: Generation, count: int) -> tuple[list[str], list[int]]:
    """Ids of the items in most top-K parts of hot lists, and the hot rows with one of them there."""
    counts: Counter[int] = Counter()
    heads = {}
    for row in generation.hot.rows.tolist():
        neighbours = decode_neighbours(generation.hot.encoded(row) or b"")
        assert neighbours is not None
        heads[row] = set(neighbours.rows[: traffic.K].tolist())
        counts.update(heads[row])
    victims = {row for row, _ in counts.most_common(count)}
    hot = [row for row, head in heads.items() if head & victims]
    return [generation.catalogue.item_id(row) for row, _ in counts.most_common(count)], hot


def last_seen(exchanges: Exchanges, hiding: Hiding) -> tuple[int, float]:
    """Count of responses with the item before its DELETE was sent, and milliseconds from then to the last
    one."""
    fragment = b'"item_id":"%b","score"' % hiding.item_id.encode()
    has_item = np.array([fragment in body for body in exchanges.bodies])
    after = exchanges.done[has_item & (exchanges.done > hiding.sent)]
    before = int((has_item & (exchanges.done <= hiding.sent)).sum())
    return before, float(after.max() - hiding.sent) * 1e3 if len(after) else 0.0


@click.command(help=__doc__)
@click.option("--items", default=20_000, show_default=True, help="size of the synthetic catalogue")
@click.option("--victims", default=10, show_default=True, help="how many items to hide")
@click.option("--reuse", is_flag=True, help="use the built index even if the code has changed since")
@click.option(
    "--built",
    type=click.Path(path_type=Path),
    default=_ROOT / "var" / "bench",
    help="folder of the built indexes",
)
def main(items: int, victims: int, reuse: bool, built: Path) -> None:
    for name in [name for name in os.environ if name.startswith("HYBRID_RECS_")]:
        del os.environ[name]
    index, folder = built_index(built, items, 1, reuse), Path(tempfile.mkdtemp(prefix="hr-hidden-"))
    shutil.copytree(index.folder, folder / "index", ignore=shutil.ignore_patterns("items.sqlite*"))
    generation = Generation.open(index.current)
    hidden, hot = in_most_lists(generation, victims)
    rows = np.random.default_rng(0).permutation([*hot, *traffic.tail_rows(index.current, len(hot))])[
        :_REQUESTED_ROWS
    ]
    try:
        with own_redis(folder / "redis") as url:
            load_hot_lists(url, index.current)
            environment = index.environment(url, folder / "var", index_dir=folder / "index")
            with child_service(folder / "log", environment, workers=2) as service:
                client = Client(
                    service.port, traffic.request_paths(index.current, rows), CONNECTIONS, keep_bodies=True
                )
                client.closed_loop(1)
                operator = Operator(service.port, hidden)
                exchanges = client.closed_loop(_MAX_SECONDS, keep_running=operator.is_running)
        _report(exchanges, operator.hidings, victims)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _report(exchanges: Exchanges, hidings: list[Hiding], victims: int) -> None:
    load = exchanges.summary()
    incomplete = sum(body.count(b'"item_id"') != traffic.K + 1 for body in exchanges.bodies)
    click.echo(
        f"{load.requests:,} responses, {load.rate:,.0f} per second, {load.errors} errors, "
        f"{incomplete} without exactly k items"
    )
    delays = []
    for hiding in hidings:
        before, milliseconds = last_seen(exchanges, hiding)
        delays.append(milliseconds)
        answered = (hiding.answered - hiding.sent) * 1e3
        click.echo(
            f"{hiding.item_id}: in {before:,} responses before; DELETE answered after {answered:.0f} ms, "
            f"last recommended {milliseconds:.0f} ms after it was sent"
        )
    if len(delays) != victims or load.errors or incomplete:
        raise click.ClickException("not every item could be hidden, or a response was wrong")
    click.echo(f"last recommended after DELETE: median {median(delays):.0f} ms, at most {max(delays):.0f} ms")


if __name__ == "__main__":
    main()
