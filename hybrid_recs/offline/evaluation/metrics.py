"""Figures of recommended lists against held-out rows: per case, per task with standard errors."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.types import Rows

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


class CaseFigures(NamedTuple):
    """Figures of one list at a cutoff k."""

    hit: float
    reciprocal_rank: float
    recall: float
    ndcg: float


def case_figures(recommended: Rows, targets: Iterable[int], k: int) -> CaseFigures:
    """hit: 1 if a target is among the first k. reciprocal_rank: 1 / the place (from 1) of the first one.
    recall: share of the targets among the first k. ndcg: discounted gain relative to the ideal list, which
    has min(k, targets) hits at its start. All are 0 without a hit.

    Järvelin, Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002; here a row is
    relevant or not, and the place p (from 1) counts 1 / log2(1 + p).
    """
    relevant = set(targets.tolist() if isinstance(targets, np.ndarray) else targets)
    hits = [index for index, row in enumerate(recommended[:k].tolist()) if row in relevant]
    if not hits:
        return CaseFigures(0.0, 0.0, 0.0, 0.0)
    discounts = _discounts(k)
    ideal = sum(discounts[: min(k, len(relevant))])
    gain = sum(discounts[index] for index in hits)
    return CaseFigures(1.0, 1 / (1 + hits[0]), len(hits) / len(relevant), gain / ideal)


@cache
def _discounts(k: int) -> list[float]:
    return [1 / float(np.log2(2 + index)) for index in range(k)]


def coverage(counts: NDArray[np.int64]) -> float:
    """The share of items recommended at least once; `counts` (n): recommendations of each of the n items."""
    return float(np.count_nonzero(counts) / len(counts)) if len(counts) else 0.0


def gini(counts: NDArray[np.int64]) -> float:
    """How unequally the n items are recommended: 0 all equally often, 1 a single item.

    Σ (2r - n - 1) p_r / (n - 1) with p_r the r-th smallest share. Castells, Hurley, Vargas, "Novelty and
    diversity in recommender systems", Recommender Systems Handbook 2015. 0 without recommendations.
    """
    n, total = len(counts), int(counts.sum())
    if n < 2 or total == 0:
        return 0.0
    places = 2 * np.arange(1, n + 1, dtype=np.float64) - n - 1
    return float(places @ np.sort(counts) / ((n - 1) * total))


def head_rows(popularity: Numbers) -> Flags:
    """True (n) for the fewest most popular rows that hold half of all interactions; ties to the lower row."""
    order = np.argsort(-popularity, kind="stable")
    cumulated = np.cumsum(popularity[order])
    before = np.concatenate(([0.0], cumulated[:-1]))
    head = np.zeros(len(popularity), np.bool_)
    if len(cumulated):
        head[order] = before < cumulated[-1] / 2
    return head


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean, its standard error sd / √cases (ddof = 1), and the cases; NaN where there are too few."""

    value: float
    error: float
    cases: int


def mean_of(values: Numbers) -> Mean:
    """The value is NaN without cases, the error with fewer than two."""
    n = len(values)
    value = float(values.mean()) if n else float("nan")
    error = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return Mean(value, error, n)


@dataclass(frozen=True, slots=True)
class TaskFigures:
    """Figures over all cases of a task; `popularity_rank`: mean rank of the recommended items, or NaN."""

    cases: int
    hr: Mean
    mrr: Mean
    recall: Mean
    ndcg: Mean
    hr_head: Mean
    hr_tail: Mean
    coverage: float
    gini: float
    popularity_rank: float


class Tally:
    """Collects the cases of a task at one cutoff k; `popularity_ranks` (n): the rank of every row."""

    def __init__(self, k: int, popularity_ranks: NDArray[np.int64]) -> None:
        self._k = k
        self._ranks = popularity_ranks
        self._cases: list[tuple[float, float, float, float, bool]] = []
        self._lists: list[Rows] = []

    def __len__(self) -> int:
        return len(self._cases)

    def add(self, recommended: Rows, targets: Iterable[int], in_head: bool) -> None:
        """Add one case: a list, best first, the held-out rows, and whether the source item is in the head."""
        self._cases.append((*case_figures(recommended, targets, self._k), in_head))
        self._lists.append(recommended[: self._k])

    def figures(self) -> TaskFigures:
        """Means over the cases so far, and figures of all lists together."""
        table = np.array(self._cases, np.float64).reshape(-1, 5)
        in_head = table[:, 4] > 0
        rows = np.concatenate(self._lists) if self._lists else np.empty(0, np.int64)
        counts = np.bincount(rows, minlength=len(self._ranks))
        return TaskFigures(
            cases=len(table),
            hr=mean_of(table[:, 0]),
            mrr=mean_of(table[:, 1]),
            recall=mean_of(table[:, 2]),
            ndcg=mean_of(table[:, 3]),
            hr_head=mean_of(table[in_head, 0]),
            hr_tail=mean_of(table[~in_head, 0]),
            coverage=coverage(counts),
            gini=gini(counts),
            popularity_rank=float(self._ranks[rows].mean()) if len(rows) else float("nan"),
        )
