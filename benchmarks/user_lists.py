"""The lists of `make recommend-users` beside baselines: python -m benchmarks.user_lists --data-dir DIR.

The last 10 % of interactions by time are held out. From the rest an index is built and every user's list is
made by the job; what is judged is read back from its Parquet files. Writes a table into docs/users.md.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import polars as pl
from rich.console import Console

from benchmarks.tables import put_table
from hybrid_recs.cache import embedded_server
from hybrid_recs.commands.error_messages import reported
from hybrid_recs.commands.rebuild_index import rebuild
from hybrid_recs.commands.recommend_users import recommend_users
from hybrid_recs.offline.data.dataset_config import DatasetConfig
from hybrid_recs.offline.data.encoding import EncodedData, encode
from hybrid_recs.offline.evaluation.baselines import ItemKnn, Popular
from hybrid_recs.offline.evaluation.cases import WorkerGauges, hold_out_latest
from hybrid_recs.offline.evaluation.learned_baselines import Als
from hybrid_recs.offline.evaluation.method import Method
from hybrid_recs.offline.evaluation.metrics import Figures, Tally
from hybrid_recs.offline.progress import Steps
from hybrid_recs.settings import Settings
from hybrid_recs.types import Rows

ROOT = Path(__file__).parents[1]
NAMES = ("ml-latest-small", "online-retail")
BASELINES: dict[str, Callable[[EncodedData], Method]] = {
    "most popular": Popular.fit,
    "item-KNN cosine": ItemKnn.fit,
    "implicit ALS, tuned": Als.fit,
}
K = 20
_TOML = '[interactions]\npath = "train.parquet"\nuser = "user"\nitem = "item"\ntime = "time"\n'


@dataclass(frozen=True, slots=True)
class Line:
    """seconds, cpu: of the lists of all users, by the clock and of work; fit: of what comes before."""

    dataset: str
    method: str
    figures: Figures
    users: int
    seconds: float
    cpu: float
    fit: float

    def cells(self) -> list[str]:
        recall, ndcg = self.figures.recall, self.figures.ndcg
        return [
            self.dataset,
            self.method,
            f"{recall.value:.4f} ± {recall.error:.4f}",
            f"{ndcg.value:.4f} ± {ndcg.error:.4f}",
            f"{self.figures.coverage:.3f}",
            f"{self.figures.cases:,}",
            f"{self.users:,}",
            f"{self.seconds:.1f}",
            f"{self.cpu:.1f}",
            f"{self.fit:.1f}",
        ]


@dataclass(frozen=True, slots=True)
class RecommendationBatch:
    """Of every user of the earlier part: what was met then (rows, oldest first) and, new to them, later."""

    data: EncodedData
    given: dict[str, Rows]
    targets: dict[str, frozenset[int]]

    def judge(self, lists: dict[str, Rows]) -> Figures:
        """Over all users who have a target; a user without a list gets nothing right."""
        n = self.data.n_vectors
        tally, nothing = Tally(K, np.arange(1, n + 1)), np.empty(0, np.int64)
        for user, targets in self.targets.items():
            found = lists.get(user, nothing)[:K]
            tally.add(found[found < n], targets, in_head=False)
        return tally.figures()


@click.command(help=__doc__)
@click.option("--data-dir", required=True, type=click.Path(path_type=Path), help="folder of the datasets")
@click.option("--only", multiple=True, help="names of datasets; default: both, and the page is written")
def main(data_dir: Path, only: tuple[str, ...]) -> None:
    console = Console(highlight=False, width=160)
    lines: list[Line] = []
    with reported(console):
        for name in only or NAMES:
            description = DatasetConfig.load(ROOT / "examples" / f"{name}.toml", data_dir)
            lines += measure(name, description, console)
    head = [
        "dataset",
        "method",
        "Recall@20",
        "nDCG@20",
        "coverage",
        "cases",
        "users",
        "s for all users",
        "CPU s",
        "fit s",
    ]
    put_table(console, "user lists", head, [line.cells() for line in lines], write=not only)


def measure(name: str, description: DatasetConfig, console: Console) -> list[Line]:
    """Ours first, then the baselines, on the same cases."""
    held = hold_out_latest(description, Settings().max_history)
    asked = questions(held)
    with tempfile.TemporaryDirectory() as folder:
        lines = [ours(name, held, asked, Path(folder), Steps(console))]
    for method, fit in BASELINES.items():
        started = time.perf_counter()
        fitted = fit(asked.data)
        ready, work = time.perf_counter(), time.process_time()
        lists = {user: fitted.from_user(given, K) for user, given in asked.given.items()}
        seconds, cpu = time.perf_counter() - ready, time.process_time() - work
        lines.append(Line(name, method, asked.judge(lists), len(lists), seconds, cpu, ready - started))
    return lines


def questions(held: WorkerGauges) -> RecommendationBatch:
    """Items without a vector are neither given to a method nor wanted of it."""
    data = encode(held.train)
    rows = data.items.head(data.n_vectors).select("item").with_row_index("row")
    events = held.events.join(rows, on="item", how="inner", maintain_order="left")
    given, targets = {}, {}
    for user, met, later in events.group_by("user", maintain_order=True).agg("row", "later").iter_rows():
        seen, late = np.asarray(met, np.int64), np.asarray(later, bool)
        new = frozenset(seen[late].tolist()) - frozenset(seen[~late].tolist())
        if not late.all():
            given[user] = seen[~late]
            if new:
                targets[user] = new
    return RecommendationBatch(data, given, targets)


def ours(name: str, held: WorkerGauges, asked: RecommendationBatch, folder: Path, steps: Steps) -> Line:
    """By the jobs, from files to files."""
    held.events.filter(~pl.col("later")).select("user", "item", "time").write_parquet(
        folder / "train.parquet"
    )
    (folder / "dataset.toml").write_text(_TOML)
    settings = Settings(index_dir=folder / "index", var_dir=folder / "var", redis_url=None)
    try:
        generation = rebuild(folder / "dataset.toml", None, settings, steps, force=True)
        fit, work = steps.total_seconds(), time.process_time()
        files = recommend_users(DatasetConfig.load(folder / "dataset.toml"), settings, steps)
        seconds, cpu = steps.total_seconds() - fit, time.process_time() - work
    finally:
        embedded_server.stop(settings.var_dir)
    lists = files.read(generation.id)
    found = dict(zip(lists["user"], as_rows(lists["items"], asked.data), strict=True))
    return Line(name, "**hybrid-recs**, the job's files", asked.judge(found), len(lists), seconds, cpu, fit)


def as_rows(lists: pl.Series, data: EncodedData) -> list[Rows]:
    """The job's ids in the rows of the questions; what has no vector there counts as a wrong answer."""
    row_of = {item: row for row, item in enumerate(data.items["item"])}
    return [np.array([row_of[item] for item in items[:K]], np.int64) for items in lists.to_list()]


if __name__ == "__main__":
    main()
