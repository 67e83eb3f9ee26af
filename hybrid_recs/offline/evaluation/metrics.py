"""Figures of lists against held-out rows: of one case, of many with standard errors, of all lists."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.types import Rows

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


def hit_rate(recommended: Rows, targets: Iterable[int], k: int) -> float:
    """1 if a target is among the first k, else 0."""
    hits, _ = _hits(recommended, targets, k)
    return float(any(hits))


def reciprocal_rank(recommended: Rows, targets: Iterable[int], k: int) -> float:
    """1 / the place (from 1) of the first target among the first k; 0 without one."""
    hits, _ = _hits(recommended, targets, k)
    return _first(hits)


def recall(recommended: Rows, targets: Iterable[int], k: int) -> float:
    """The share of the targets that is among the first k; 0 if there are no targets."""
    hits, wanted = _hits(recommended, targets, k)
    return sum(hits) / max(wanted, 1)


def ndcg(recommended: Rows, targets: Iterable[int], k: int) -> float:
    """Discounted gain over that of the ideal list, which has min(k, targets) hits at its start.

    Järvelin, Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002; here a row is
    relevant or not, and the place p (from 1) counts 1 / log2(1 + p).
    """
    hits, wanted = _hits(recommended, targets, k)
    return _gain(hits, wanted, k, _discounts(k))


def coverage(counts: NDArray[np.int64]) -> float:
    """The share of items recommended at all; `counts` (n): how often each of the n items is recommended."""
    return float(np.count_nonzero(counts) / len(counts)) if len(counts) else 0.0


def gini(counts: NDArray[np.int64]) -> float:
    """How unequally recommendations fall on the n items: 0 all equally, 1 all on one.

    Σ (2r - n - 1) p_r / (n - 1) with p_r the r-th smallest share. Castells, Hurley, Vargas, "Novelty and
    diversity in recommender systems", Recommender Systems Handbook 2015. 0 if nothing was recommended.
    """
    n, total = len(counts), int(counts.sum())
    if n < 2 or total == 0:
        return 0.0
    places = 2 * np.arange(1, n + 1, dtype=np.float64) - n - 1
    return float(places @ np.sort(counts) / ((n - 1) * total))


def head_rows(popularity: Numbers) -> Flags:
    """True (n) for the fewest most popular rows that hold half of all interactions; ties to the lower row."""
    order = np.argsort(-popularity, kind="stable")
    held = np.cumsum(popularity[order])
    before = np.concatenate(([0.0], held[:-1]))
    head = np.zeros(len(popularity), np.bool_)
    if len(held):
        head[order] = before < held[-1] / 2
    return head


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean, its standard error sd / √cases (ddof = 1), and the cases; NaN where there are too few."""

    value: float
    error: float
    cases: int


def mean_of(values: Numbers) -> Mean:
    """NaN is the value of no cases, and the error of fewer than two."""
    n = len(values)
    value = float(values.mean()) if n else float("nan")
    error = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return Mean(value, error, n)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a tally comes to; `popularity_rank`: mean rank of what was recommended, NaN if nothing was."""

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
    """Collects cases at one cutoff k; `popularity_ranks` (n): the rank of every row, which also gives n."""

    def __init__(self, k: int, popularity_ranks: NDArray[np.int64]) -> None:
        self._k = k
        self._ranks = popularity_ranks
        self._discounts = _discounts(k)
        self._cases: list[tuple[float, float, float, float, bool]] = []
        self._lists: list[Rows] = []

    def __len__(self) -> int:
        return len(self._cases)

    def add(self, recommended: Rows, targets: Iterable[int], in_head: bool) -> None:
        """One case: a list, best first, what was held out, and whether the source item is in the head."""
        hits, wanted = _hits(recommended, targets, self._k)
        found = sum(hits)
        gain = _gain(hits, wanted, self._k, self._discounts)
        self._cases.append((float(found > 0), _first(hits), found / max(wanted, 1), gain, in_head))
        self._lists.append(recommended[: self._k])

    def figures(self) -> Figures:
        """Means over the cases so far, and what all lists together say."""
        table = np.array(self._cases, np.float64).reshape(-1, 5)
        in_head = table[:, 4] > 0
        rows = np.concatenate(self._lists) if self._lists else np.empty(0, np.int64)
        counts = np.bincount(rows, minlength=len(self._ranks))
        return Figures(
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


def _hits(recommended: Rows, targets: Iterable[int], k: int) -> tuple[list[bool], int]:
    """Whether each of the first k is a target, and how many distinct targets there are."""
    wanted = set(targets.tolist() if isinstance(targets, np.ndarray) else targets)
    return [row in wanted for row in recommended[:k].tolist()], len(wanted)


def _first(hits: list[bool]) -> float:
    return 1 / (1 + hits.index(True)) if True in hits else 0.0


def _gain(hits: list[bool], wanted: int, k: int, discounts: list[float]) -> float:
    ideal = sum(discounts[: min(k, wanted)])
    return sum(discounts[at] for at, hit in enumerate(hits) if hit) / ideal if ideal else 0.0


def _discounts(k: int) -> list[float]:
    return [1 / float(np.log2(2 + at)) for at in range(k)]
