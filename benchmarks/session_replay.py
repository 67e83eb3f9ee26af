"""Sessions replayed over HTTP: python -m benchmarks.session_replay --data-dir DIR.

An index is built from train.txt of serenade-example and served by a real service with a real Redis. Then the
clicks of test.txt are sent in the order of their times, all sessions interleaved. Before each click except
the first of a session, recommendations for the session are requested, which should contain that click; then
the click is posted. Baselines get the same cases. Writes a table into
docs/benchmarks/users-and-sessions.md. With --directly the recommender is called without a service.
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
from rich.console import Console

from benchmarks.session_knn import SessionKnn
from benchmarks.tables import put_table
from hybrid_recs.cache import embedded_server
from hybrid_recs.commands.error_messages import print_errors
from hybrid_recs.commands.rebuild_index import rebuild
from hybrid_recs.demo.child_service import child_service
from hybrid_recs.generation.generation import Generation
from hybrid_recs.offline.data.dataset import read_dataset
from hybrid_recs.offline.data.encoding import EncodedData, encode
from hybrid_recs.offline.data.interactions import read_interactions
from hybrid_recs.offline.evaluation.baselines import ItemKnn, Popular
from hybrid_recs.offline.evaluation.method import Method
from hybrid_recs.offline.evaluation.metrics import case_figures, mean_of
from hybrid_recs.offline.progress import Steps
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
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
"""(session, item)"""


class OverHttp:
    """The service as a shop uses it. get_times, post_times: of requests, in milliseconds."""

    def __init__(self, port: int) -> None:
        self.get_times: list[float] = []
        self.post_times: list[float] = []
        self.sources: dict[str, int] = defaultdict(int)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def next_items(self, session: str, _: list[str]) -> list[str]:
        """Items that the service recommends to the session."""
        path = f"/recommendations?session_id={quote(session, safe='')}&k={K}"
        response = self._timed(self.get_times, "GET", path)
        self.sources[response["source"]] += 1
        return [item["item_id"] for item in response["items"]]

    def click(self, session: str, item: str) -> None:
        event = {"event_id": uuid.uuid4().hex, "type": "click", "session_id": session, "item_id": item}
        receipt = self._timed(self.post_times, "POST", "/events", json.dumps(event))
        assert receipt["accepted"] == 1, receipt

    def _timed(self, times: list[float], method: str, path: str, body: str | None = None) -> Json:
        started = time.perf_counter()
        self._connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = self._connection.getresponse()
        content = response.read()
        times.append(1_000 * (time.perf_counter() - started))
        assert response.status in (200, 202), (path, response.status, content)
        parsed: Json = json.loads(content)
        return parsed


@dataclass(slots=True)
class Directly:
    """The recommender object, without a service."""

    generation: Generation
    get_times: list[float] = field(default_factory=list)
    post_times: list[float] = field(default_factory=list)
    sources: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def next_items(self, _: str, items: list[str]) -> list[str]:
        """Items recommended to a session of these items."""
        catalogue = self.generation.catalogue
        rows = [row for item in items if (row := catalogue.row(item)) is not None]
        started = time.perf_counter()
        recommendation = Recommender(self.generation).answer_session(np.array(rows[-50:], np.int64), K)
        self.get_times.append(1_000 * (time.perf_counter() - started))
        self.sources[recommendation.source] += 1
        return [catalogue.item_id(row) for row in recommendation.neighbours.rows.tolist()]

    def click(self, session: str, item: str) -> None:
        """Do nothing: the session is passed to `next_items`."""


@dataclass(slots=True)
class Cases:
    """The predictable clicks.

    histories: earlier rows of the session that have a vector, oldest first. targets: the next click.
    recommended: the list of the service before that click.
    """

    histories: list[Rows] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    recommended: list[Rows] = field(default_factory=list)


@click.command(help=__doc__)
@click.option("--data-dir", required=True, type=click.Path(path_type=Path), help="folder of the datasets")
@click.option("--directly", is_flag=True, help="call the recommender object, not a service; writes nothing")
def main(data_dir: Path, directly: bool) -> None:
    steps = Steps(Console(highlight=False, width=160))
    with print_errors(steps.console), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train, test = (dataset_config(folder, data_dir, part) for part in ("train", "test"))
        settings = Settings(index_dir=folder / "index", var_dir=folder / "var", redis_url=None)
        data = encode(read_dataset(train, settings.max_history))
        try:
            generation = rebuild(folder / "train.toml", data_dir, settings, steps)
            with serve(generation, settings, folder, directly) as service:
                cases = replay(clicks(test), service, data)
        finally:
            embedded_server.stop(settings.var_dir)
        rows = table(cases, service, data)
    summary = (
        f"{len(service.get_times):,} queries, {len(service.post_times):,} events, "
        f"sources {dict(service.sources)}"
    )
    steps.console.print(summary, soft_wrap=True)
    head = ["method", "cases", "HR@20", "MRR@20", "p50 ms", "p99 ms"]
    put_table(steps.console, "session replay", head, rows, write=not directly)


def dataset_config(folder: Path, data_dir: Path, part: str) -> DatasetConfig:
    """One of the dataset's files, described by its own dataset.toml."""
    path = folder / f"{part}.toml"
    path.write_text(_TOML.format(name=part))
    return DatasetConfig.load(path, data_dir)


@contextmanager
def serve(
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
    """The clicks of all sessions in the order of their times."""
    return read_interactions(test).sort("time", "order").select("user", "item").rows()


def replay(arriving: list[Click], service: OverHttp | Directly, data: EncodedData) -> Cases:
    """Request recommendations before every click except a session's first, then post the click.

    A case needs an earlier and a next item with a vector, because the baselines know only such items.
    """
    row_of = {item: row for row, item in enumerate(data.items["item"].head(data.n_vectors))}
    cases = Cases()
    sessions: dict[str, list[str]] = defaultdict(list)
    for session, item in arriving:
        earlier = sessions[session]
        history = [row_of[other] for other in earlier if other in row_of]
        if earlier:
            items = service.next_items(session, earlier)
            if history and item in row_of:
                cases.histories.append(np.array(history, np.int64))
                cases.targets.append(row_of[item])
                recommended = [row_of.get(other, data.n_vectors) for other in items]
                cases.recommended.append(np.array(recommended, np.int64))
        service.click(session, item)
        earlier.append(item)
    return cases


def table(cases: Cases, service: OverHttp | Directly, data: EncodedData) -> list[list[str]]:
    """Our rows first. Milliseconds are those of whole requests for ours, of function calls for baselines."""
    ours = "**hybrid-recs**, `GET /recommendations?session_id=`"
    rows = [table_row(ours, cases.recommended, cases, service.get_times)]
    if service.post_times:
        rows.append(["`POST /events`, one event", "", "", "", *quantiles(service.post_times)])
    for name, fit in BASELINES.items():
        method, recommended, times = fit(data), [], []
        for history in cases.histories:
            started = time.perf_counter()
            recommended.append(method.from_session(history, K))
            times.append(1_000 * (time.perf_counter() - started))
        rows.append(table_row(name, recommended, cases, times))
    return rows


def table_row(name: str, recommended: list[Rows], cases: Cases, times: list[float]) -> list[str]:
    pairs = zip(recommended, cases.targets, strict=True)
    figures = [case_figures(rows, [target], K) for rows, target in pairs]
    hits = mean_of(np.array([case.hit for case in figures]))
    ranks = mean_of(np.array([case.reciprocal_rank for case in figures]))
    rates = (f"{mean.value:.4f} ± {mean.error:.4f}" for mean in (hits, ranks))
    return [name, f"{len(recommended):,}", *rates, *quantiles(times)]


def quantiles(times: list[float]) -> list[str]:
    return [f"{value:.2f}" for value in np.quantile(times, (0.5, 0.99))]


if __name__ == "__main__":
    main()
