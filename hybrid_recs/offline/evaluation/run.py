"""Runs a method over the cases of every task and measures its figures, time and memory."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybrid_recs.offline.data.encoding import EncodedData
from hybrid_recs.offline.evaluation.cases import ITEM_TASK, SESSION_TASK, USER_TASK, EvaluationCase
from hybrid_recs.offline.evaluation.method import Method
from hybrid_recs.offline.evaluation.metrics import Tally, TaskFigures, head_rows
from hybrid_recs.types import Json, ProgressCallback, Rows

CUTOFF = 20
_PAGE = 4_096
_SAMPLE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class FittedMethod:
    """seconds: of the fit. peak_mb: the highest growth of the process's memory during the fit."""

    method: Method
    seconds: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """The figures of one method on one task; ms: mean milliseconds of an answer."""

    task: str
    fitted: FittedMethod
    figures: TaskFigures
    ms: float

    def as_json(self) -> Json:
        """The row as documented; `se` is the standard error of HR@20; null where there are too few cases."""
        figures = self.figures
        line = {
            "task": self.task,
            "method": self.fitted.method.name,
            "kind": self.fitted.method.kind.value,
            f"hr@{CUTOFF}": round(figures.hr.value, 5),
            f"mrr@{CUTOFF}": round(figures.mrr.value, 5),
            f"recall@{CUTOFF}": round(figures.recall.value, 5),
            f"ndcg@{CUTOFF}": round(figures.ndcg.value, 5),
            "se": round(figures.hr.error, 5),
            "se_mrr": round(figures.mrr.error, 5),
            "se_recall": round(figures.recall.error, 5),
            "se_ndcg": round(figures.ndcg.error, 5),
            "head": round(figures.hr_head.value, 5),
            "tail": round(figures.hr_tail.value, 5),
            "coverage": round(figures.coverage, 5),
            "gini": round(figures.gini, 5),
            "popularity_rank": round(figures.popularity_rank, 1),
            "cases": figures.cases,
            "fit_s": round(self.fitted.seconds, 2),
            "fit_peak_mb": round(self.fitted.peak_mb, 1),
            "ms": round(self.ms, 3),
        }
        return {name: None if value != value else value for name, value in line.items()}


def fit_measured(fit: Callable[[], Method]) -> FittedMethod:
    """Fit a method; measure its time and memory."""
    with _memory_watch() as peak:
        started = time.perf_counter()
        method = fit()
        seconds = time.perf_counter() - started
    return FittedMethod(method, seconds, peak() / 1e6)


def measure(
    fitted: FittedMethod,
    cases: dict[str, list[EvaluationCase]],
    data: EncodedData,
    on_progress: ProgressCallback,
) -> list[EvaluationRow]:
    """The figures of one method on every task."""
    popularity = data.popularity[: data.n_vectors]
    in_head = head_rows(popularity)
    ranks = np.arange(1, data.n_vectors + 1)  # rows are sorted from most to least popular
    rows = []
    for task, task_cases in cases.items():
        recommend = _recommend_function(fitted.method, task)
        tally = Tally(CUTOFF, ranks)
        started = time.perf_counter()
        for case in task_cases:
            recommended = recommend(case.given)
            learned = recommended[recommended < data.n_vectors]
            tally.add(learned, case.targets, bool(in_head[case.given[-1]]))
            on_progress(1)
        seconds = time.perf_counter() - started
        if task_cases:
            rows.append(EvaluationRow(task, fitted, tally.figures(), 1_000 * seconds / len(task_cases)))
    return rows


def _recommend_function(method: Method, task: str) -> Callable[[Rows], Rows]:
    functions: dict[str, Callable[[Rows], Rows]] = {
        ITEM_TASK: lambda given: method.from_item(int(given[-1]), CUTOFF),
        SESSION_TASK: lambda given: method.from_session(given, CUTOFF),
        USER_TASK: lambda given: method.from_user(given, CUTOFF),
    }
    return functions[task]


@contextmanager
def _memory_watch() -> Iterator[Callable[[], int]]:
    """The highest growth of the resident memory inside the block, in bytes; sampled, 0 where unknown."""
    start = peak = _resident()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(_SAMPLE_SECONDS):
            peak = max(peak, _resident())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda: max(peak, _resident()) - start
    finally:
        done.set()
        thread.join()


def _resident() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0
