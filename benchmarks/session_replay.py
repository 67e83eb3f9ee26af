"""Sessions replayed over HTTP: python -m benchmarks.session_replay --data-dir DIR.

An index is built from train.txt of serenade-example and served by a real service with a real Redis. Then the
clicks of test.txt are sent in the order of their times, all sessions mixed: before each click but a session's
first the service is asked for the session, and should have named that click; then the click is posted.
Baselines are asked for the same cases. Writes a table into docs/users.md. With --directly the recommender is
asked without a service.
"""

import http.client
import json
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import click
import numpy as np
import polars as pl
from rich.console import Console

from benchmarks.session_knn import SessionKnn
from benchmarks.tables import put_table
from hybrid_recs.cache import embedded_server
from hybrid_recs.commands.error_messages import reported
from hybrid_recs.commands.rebuild_index import rebuild
from hybrid_recs.demo.child_service import child_service
from hybrid_recs.generation.generation import Generation
from hybrid_recs.offline.data.dataset_config import DatasetConfig
from hybrid_recs.offline.data.encoding import EncodedData, encode
from hybrid_recs.offline.data.interactions import labelled_rows, read_dataset
from hybrid_recs.offline.evaluation.baselines import ItemKnn, Popular
from hybrid_recs.offline.evaluation.method import Method
from hybrid_recs.offline.evaluation.metrics import hit_rate, mean_of, reciprocal_rank
from hybrid_recs.offline.progress import Steps
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.settings import Settings
from hybrid_recs.types import Json, Rows

K = 20
_TOML = """[interactions]
path = "serenade-example/{name}.txt"
separator = "\\t"
user = "SessionId"
item = "ItemId"
time = "Time"
"""
BASELINES: dict[str, Callable[[EncodedData], Method]] = {
    "session-KNN (STAN-like)": SessionKnn.fit,
    "item-KNN cosine": ItemKnn.fit,
    "most popular": Popular.fit,
}

Click = tuple[str, str]
"""Session and item."""


class OverHttp:
    """The service as a shop uses it; keeps how long it took, in milliseconds."""

    def __init__(self, port: int) -> None:
        self.asking: list[float] = []
        self.posting: list[float] = []
        self.sources: dict[str, int] = defaultdict(int)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def next_items(self, session: str, _: list[str]) -> list[str]:
        """What the service says of the session."""
        path = f"/recommendations?session_id={quote(session, safe='')}&k={K}"
        answer = self._timed(self.asking, "GET", path)
        self.sources[answer["source"]] += 1
        return [item["item_id"] for item in answer["items"]]

    def clicked(self, session: str, item: str) -> None:
        """One event."""
        event = {"event_id": uuid.uuid4().hex, "type": "click", "session_id": session, "item_id": item}
        receipt = self._timed(self.posting, "POST", "/events", json.dumps(event))
        assert receipt["accepted"] == 1, receipt

    def _timed(self, times: list[float], method: str, path: str, body: str | None = None) -> Json:
        started = time.perf_counter()
        self._connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = self._connection.getresponse()
        content = response.read()
        times.append(1_000 * (time.perf_counter() - started))
        assert response.status in (200, 202), (path, response.status, content)
        found: Json = json.loads(content)
        return found


@dataclass(slots=True)
class Directly:
    """The recommender object, without a service."""

    generation: Generation
    asking: list[float] = field(default_factory=list)
    posting: list[float] = field(default_factory=list)
    sources: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def next_items(self, _: str, items: list[str]) -> list[str]:
        """What it says of a session of these items."""
        catalogue = self.generation.catalogue
        rows = [row for item in items if (row := catalogue.row(item)) is not None]
        started = time.perf_counter()
        answer = Recommender(self.generation).after_session(np.array(rows[-50:], np.int64), K)
        self.asking.append(1_000 * (time.perf_counter() - started))
        self.sources[answer.source] += 1
        return [catalogue.item_id(row) for row in answer.neighbours.rows.tolist()]

    def clicked(self, session: str, item: str) -> None:
        """Nothing remembers it."""


@dataclass(slots=True)
class Cases:
    """The clicks that could be told beforehand: what was met (known rows, oldest first), what came, and what
    the service had said."""

    met: list[Rows] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)
    said: list[Rows] = field(default_factory=list)


@click.command(help=__doc__)
@click.option("--data-dir", required=True, type=click.Path(path_type=Path), help="folder of the datasets")
@click.option("--directly", is_flag=True, help="ask the recommender object, not a service; writes nothing")
def main(data_dir: Path, directly: bool) -> None:
    steps = Steps(Console(highlight=False, width=160))
    with reported(steps.console), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train, test = (describe(folder, data_dir, part) for part in ("train", "test"))
        settings = Settings(index_dir=folder / "index", var_dir=folder / "var", redis_url=None)
        data = encode(read_dataset(train, settings.max_history))
        try:
            generation = rebuild(folder / "train.toml", data_dir, settings, steps)
            with asked_of(generation, settings, folder, directly) as service:
                cases = replay(clicks(test), service, data)
        finally:
            embedded_server.stop(settings.var_dir)
        rows = table(cases, service, data)
    asked = (
        f"{len(service.asking):,} questions, {len(service.posting):,} events, sources {dict(service.sources)}"
    )
    steps.console.print(asked, soft_wrap=True)
    head = ["method", "cases", "HR@20", "MRR@20", "p50 ms", "p99 ms"]
    put_table(steps.console, "session replay", head, rows, write=not directly)


def describe(folder: Path, data_dir: Path, part: str) -> DatasetConfig:
    """One of the dataset's files, by a dataset.toml of its own."""
    path = folder / f"{part}.toml"
    path.write_text(_TOML.format(name=part))
    return DatasetConfig.load(path, data_dir)


@contextmanager
def asked_of(
    generation: Generation, settings: Settings, folder: Path, directly: bool
) -> Iterator[OverHttp | Directly]:
    if directly:
        yield Directly(generation)
        return
    environment = {
        "HYBRID_RECS_INDEX_DIR": str(settings.index_dir),
        "HYBRID_RECS_VAR_DIR": str(settings.var_dir),
    }
    with child_service(folder / "log", environment) as service:
        yield OverHttp(service.port)


def clicks(test: DatasetConfig) -> list[Click]:
    """All sessions mixed, in the order of their times."""
    rows = labelled_rows(test).filter(pl.col("reason").is_null())
    return rows.sort("time", "order").select("user", "item").collect().rows()


def replay(arriving: list[Click], service: OverHttp | Directly, data: EncodedData) -> Cases:
    """Ask before every click but a session's first, then tell of the click.

    A case needs an earlier and a next item that have a vector: other methods know of no others.
    """
    row_of = {item: row for row, item in enumerate(data.items["item"].head(data.n_vectors))}
    cases = Cases()
    sessions: dict[str, list[str]] = defaultdict(list)
    for session, item in arriving:
        earlier = sessions[session]
        met = [row_of[one] for one in earlier if one in row_of]
        if earlier:
            said = service.next_items(session, earlier)
            if met and item in row_of:
                cases.met.append(np.array(met, np.int64))
                cases.wanted.append(row_of[item])
                cases.said.append(np.array([row_of.get(one, data.n_vectors) for one in said], np.int64))
        service.clicked(session, item)
        earlier.append(item)
    return cases


def table(cases: Cases, service: OverHttp | Directly, data: EncodedData) -> list[list[str]]:
    """Ours first. Milliseconds of ours are of whole requests, of the baselines of their calls."""
    ours = "**hybrid-recs**, `GET /recommendations?session_id=`"
    rows = [line(ours, cases.said, cases, service.asking)]
    if service.posting:
        rows.append(["`POST /events`, one event", "", "", "", *quantiles(service.posting)])
    for name, fit in BASELINES.items():
        method, said, times = fit(data), [], []
        for met in cases.met:
            started = time.perf_counter()
            said.append(method.from_session(met, K))
            times.append(1_000 * (time.perf_counter() - started))
        rows.append(line(name, said, cases, times))
    return rows


def line(name: str, said: list[Rows], cases: Cases, times: list[float]) -> list[str]:
    asked = list(zip(said, cases.wanted, strict=True))
    hits = mean_of(np.array([hit_rate(found, [wanted], K) for found, wanted in asked]))
    ranks = mean_of(np.array([reciprocal_rank(found, [wanted], K) for found, wanted in asked]))
    rates = (f"{one.value:.4f} ± {one.error:.4f}" for one in (hits, ranks))
    return [name, f"{len(said):,}", *rates, *quantiles(times)]


def quantiles(times: list[float]) -> list[str]:
    return [f"{value:.2f}" for value in np.quantile(times, (0.5, 0.99))]


if __name__ == "__main__":
    main()
