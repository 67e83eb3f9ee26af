"""The lists of `make recommend-users` and of baselines: python -m benchmarks.user_lists --data-dir DIR.

The last 10 % of interactions by time are held out. From the rest an index is built, and the job computes
every user's list; the evaluated lists are read back from its Parquet files. Writes a table into
docs/benchmarks/users-and-sessions.md.
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
from hybrid_recs.commands.error_messages import print_errors
from hybrid_recs.commands.rebuild_index import rebuild
from hybrid_recs.commands.recommend_users import recommend_users
from hybrid_recs.offline.data.encoding import EncodedData, encode
from hybrid_recs.offline.evaluation.baselines import ItemKnn, Popular
from hybrid_recs.offline.evaluation.cases import EvaluationSplit, split_rows
from hybrid_recs.offline.evaluation.learned_baselines import Als
from hybrid_recs.offline.evaluation.method import Method
from hybrid_recs.offline.evaluation.metrics import Tally, TaskFigures
from hybrid_recs.offline.progress import Steps
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
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
class TableRow:
    """seconds, cpu: wall-clock and CPU time of the lists of all users. fit: seconds of fitting."""

    dataset: str
    method: str
    figures: TaskFigures
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
class UserCases:
    """histories: rows of every user of the earlier part, oldest first. targets: later rows new to the
    user."""

    data: EncodedData
    histories: dict[str, Rows]
    targets: dict[str, frozenset[int]]

    def evaluate(self, lists: dict[str, Rows]) -> TaskFigures:
        """Figures over all users with a target; a user without a list has no hits."""
        n = self.data.n_vectors
        tally, empty = Tally(K, np.arange(1, n + 1)), np.empty(0, np.int64)
        for user, targets in self.targets.items():
            rows = lists.get(user, empty)[:K]
            tally.add(rows[rows < n], targets, in_head=False)
        return tally.figures()


@click.command(help=__doc__)
@click.option("--data-dir", required=True, type=click.Path(path_type=Path), help="folder of the datasets")
@click.option("--only", multiple=True, help="names of datasets; default: both, and the page is written")
def main(data_dir: Path, only: tuple[str, ...]) -> None:
    console = Console(highlight=False, width=160)
    rows: list[TableRow] = []
    with print_errors(console):
        for name in only or NAMES:
            config = DatasetConfig.load(ROOT / "examples" / f"{name}.toml", data_dir)
            rows += measure(name, config, console)
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
    put_table(console, "user lists", head, [row.cells() for row in rows], write=not only)


def measure(name: str, config: DatasetConfig, console: Console) -> list[TableRow]:
    """Our row first, then the baselines, on the same cases."""
    split = split_rows(config, Settings().max_history)
    cases = user_cases(split)
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure_ours(name, split, cases, Path(folder), Steps(console))]
    for method, fit in BASELINES.items():
        started = time.perf_counter()
        fitted = fit(cases.data)
        ready, cpu_before = time.perf_counter(), time.process_time()
        lists = {user: fitted.from_user(history, K) for user, history in cases.histories.items()}
        seconds, cpu = time.perf_counter() - ready, time.process_time() - cpu_before
        figures = cases.evaluate(lists)
        rows.append(TableRow(name, method, figures, len(lists), seconds, cpu, ready - started))
    return rows


def user_cases(split: EvaluationSplit) -> UserCases:
    """Items without a vector are neither part of a history nor targets."""
    data = encode(split.train)
    rows = data.items.head(data.n_vectors).select("item").with_row_index("row")
    events = split.events.join(rows, on="item", how="inner", maintain_order="left")
    histories, targets = {}, {}
    by_user = events.group_by("user", maintain_order=True).agg("row", "later")
    for user, user_rows, user_later in by_user.iter_rows():
        items, later = np.asarray(user_rows, np.int64), np.asarray(user_later, bool)
        new = frozenset(items[later].tolist()) - frozenset(items[~later].tolist())
        if not later.all():
            histories[user] = items[~later]
            if new:
                targets[user] = new
    return UserCases(data, histories, targets)


def measure_ours(name: str, split: EvaluationSplit, cases: UserCases, folder: Path, steps: Steps) -> TableRow:
    """Run the jobs from files to files."""
    split.events.filter(~pl.col("later")).select("user", "item", "time").write_parquet(
        folder / "train.parquet"
    )
    (folder / "dataset.toml").write_text(_TOML)
    settings = Settings(index_dir=folder / "index", var_dir=folder / "var", redis_url=None)
    try:
        generation = rebuild(folder / "dataset.toml", None, settings, steps, force=True)
        fit, cpu_before = steps.total_seconds(), time.process_time()
        files = recommend_users(DatasetConfig.load(folder / "dataset.toml"), settings, steps)
        seconds, cpu = steps.total_seconds() - fit, time.process_time() - cpu_before
    finally:
        embedded_server.stop(settings.var_dir)
    lists = files.read(generation.id)
    figures = cases.evaluate(dict(zip(lists["user"], as_rows(lists["items"], cases.data), strict=True)))
    return TableRow(name, "**hybrid-recs**, the job's files", figures, len(lists), seconds, cpu, fit)


def as_rows(lists: pl.Series, data: EncodedData) -> list[Rows]:
    """The job's item ids as rows of `data`; a row without a vector there counts as a miss."""
    row_of = {item: row for row, item in enumerate(data.items["item"])}
    return [np.array([row_of[item] for item in items[:K]], np.int64) for items in lists.to_list()]


if __name__ == "__main__":
    main()
