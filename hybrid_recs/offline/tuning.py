"""Chooses the parameters of fit and score on a slice of the data held out for it, or takes those pinned."""

from collections.abc import Callable, Sequence

import numpy as np

from hybrid_recs.manifest import ScoringInfo
from hybrid_recs.offline.dataset import Dataset
from hybrid_recs.offline.validation import Hits, Validation, hold_out
from hybrid_recs.settings import Settings
from hybrid_recs.types import OnDone, silent

# The last stands for "lists first": vectors then only order what the lists leave equal.
WEIGHTS = (0.0, 0.5, 1.0, 3.0, 10.0, 100.0)
STEPS = (2, 3, 4, 5)
TILTS = (0.0, 0.05, 0.1)
HALF_LIVES = (0.1, 0.25, 1.0)
DECAYS = (0.0, 0.5, 1.0)
ROUNDS = 8
_FEWEST_STEPS = 100
_LEAST_REPEAT, _MOST_REPEAT = 0.5, 4.0
_SELDOM = 0.01

Score = Callable[[ScoringInfo], Hits]


def choose_scoring(dataset: Dataset, settings: Settings, on_done: OnDone = silent) -> ScoringInfo:
    """One parameter after the other by validation HR@20; deterministic.

    Weights go to the highest, so that a blend is never shipped that is below vectors alone or lists alone.
    The others leave their default only for more than one standard error of the paired difference.
    """
    pinned = settings.model_dump(include=set(_PINNABLE), exclude_none=True)
    start = ScoringInfo(repeat=repeat_weight(dataset)).model_copy(update=pinned)
    if not dataset.ordered:
        start = start.model_copy(update={"history_decay": 0.0} | pinned)
    slice_ = hold_out(dataset, settings.dimensions, settings.seed)
    if len(slice_.steps) < _FEWEST_STEPS:
        return start.model_copy(update={"validation_pairs": len(slice_.steps)})
    search = _Search(slice_, start, frozenset(pinned), on_done)
    search.best("covisit_weight", WEIGHTS, slice_.item_hits)
    first = search.chosen
    search.better("steps", STEPS, slice_.item_hits)
    search.better("tilt", TILTS, slice_.item_hits)
    search.better("half_life", HALF_LIVES if dataset.timed else (), slice_.item_hits)
    if search.chosen != first:
        search.best("covisit_weight", WEIGHTS, slice_.item_hits)
    on_done(1)
    hr = float(slice_.item_hits(search.chosen).mean())
    search.best("history_weight", WEIGHTS, slice_.history_hits)
    search.better("history_decay", DECAYS if dataset.ordered else (), slice_.history_hits)
    update = {"tried": search.tried, "validation_pairs": len(slice_.steps), "hr": round(hr, 5)}
    return search.chosen.model_copy(update=update)


def repeat_weight(dataset: Dataset) -> float | None:
    """σ = clip(10 ρ, 0.5, 4), ρ the share of interactions with an item that their user had met before;
    None where that hardly happens."""
    share = 1 - dataset.account.pairs / max(dataset.account.rows_kept, 1)
    return None if share < _SELDOM else round(float(np.clip(10 * share, _LEAST_REPEAT, _MOST_REPEAT)), 4)


_PINNABLE = ("covisit_weight", "tilt", "steps", "half_life", "history_decay", "history_weight")


class _Search:
    """The parameters chosen so far, and everything that was tried."""

    def __init__(
        self, slice_: Validation, start: ScoringInfo, pinned: frozenset[str], on_done: OnDone
    ) -> None:
        self.chosen = start
        self.tried: dict[str, dict[str, float]] = {}
        self._slice = slice_
        self._pinned = pinned
        self._on_done = on_done

    def best(self, name: str, values: Sequence[float], score: Score) -> None:
        """The value with the highest HR@20; ties to the one nearest the present one."""
        self._choose(name, values, score, lambda gains: gains.mean() > 0)

    def better(self, name: str, values: Sequence[float], score: Score) -> None:
        """As `best`, but the present value stays unless the gain is above its standard error."""
        self._choose(name, values, score, _is_significant)

    def _choose(
        self,
        name: str,
        values: Sequence[float],
        score: Score,
        worth_it: Callable[[np.ndarray[tuple[int], np.dtype[np.float64]]], bool],
    ) -> None:
        present = getattr(self.chosen, name)
        if name not in self._pinned and values:
            hits = {value: score(self._with(name, value)) for value in {*values, present}}
            self.tried[name] = {f"{value:g}": round(float(hits[value].mean()), 5) for value in sorted(hits)}
            nearest = sorted(hits, key=lambda value: abs(np.log((value + 0.1) / (present + 0.1))))
            top = max(nearest, key=lambda value: hits[value].mean())
            if worth_it(hits[top].astype(np.float64) - hits[present]):
                self.chosen = self._with(name, top)
        self._on_done(1)

    def _with(self, name: str, value: float) -> ScoringInfo:
        return self.chosen.model_copy(update={name: value})


def _is_significant(gains: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    return bool(gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)))
