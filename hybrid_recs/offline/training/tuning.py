"""Chooses the parameters of fit and score on a slice of the data held out for it, or takes those pinned."""

from collections.abc import Callable, Sequence

import numpy as np

from hybrid_recs.generation.manifest import ScoringInfo
from hybrid_recs.offline.data.interactions import Dataset
from hybrid_recs.offline.training.validation import Validation, Values, hold_out
from hybrid_recs.settings import Settings
from hybrid_recs.types import ProgressCallback, no_progress

# The last stands for "lists first": vectors then only order what the lists leave equal.
WEIGHTS = (0.0, 0.5, 1.0, 3.0, 10.0, 100.0)
STEPS = (2, 3, 4, 5)
TILTS = (0.0, 0.05, 0.1)
HALF_LIVES = (0.1, 0.25, 1.0)
DECAYS = (0.0, 0.25, 0.5, 1.0, 1.5)
# More than 10 foresees still better where everybody follows the trend, and shows everybody the same.
TRENDS = (0.0, 0.3, 1.0, 3.0, 10.0)
TREND_HALF_LIVES = (0.003, 0.01, 0.03, 0.1, 1.0)
ROUNDS = 17
_MIN_STEPS, _MIN_USERS = 100, 20
# Above, what needs another fit is left at its default: the search must not cost more than the rebuild.
_MAX_PAIRS_REFITTED = 5_000_000
_MIN_REPEAT, _MAX_REPEAT = 0.5, 4.0
_SELDOM = 0.01

Score = Callable[[ScoringInfo], Values]


def choose_scoring(
    dataset: Dataset, settings: Settings, on_progress: ProgressCallback = no_progress
) -> ScoringInfo:
    """One parameter after the other by validation HR@20 (nDCG@20 for users); deterministic.

    Weights of co-visits go to the highest, so that a blend is never shipped that is below vectors alone or
    lists alone. The others leave their default only for more than a standard error of the paired difference.
    """
    pinned = settings.model_dump(include=set(_PINNABLE), exclude_none=True)
    start = ScoringInfo(repeat=repeat_weight(dataset)).model_copy(update=pinned)
    if not dataset.ordered:
        start = start.model_copy(update={"session_decay": 0.0, "user_decay": 0.0} | pinned)
    if len(pinned) == len(_PINNABLE):
        return start
    refit = len(dataset.pairs) <= _MAX_PAIRS_REFITTED
    slice_ = hold_out(dataset, settings.dimensions, settings.seed)
    slice_.steps_kept = frozenset(STEPS if refit and "steps" not in pinned else ())
    slice_.half_lives_kept = frozenset(TREND_HALF_LIVES if "trend_half_life" not in pinned else ())
    counted: dict[str, float] = {"validation_pairs": slice_.steps, "validation_users": len(slice_.users)}
    search = _Search(start, frozenset(pinned), on_progress)
    if slice_.steps >= _MIN_STEPS:
        _choose_fit(search, slice_, refit, dataset.timed)
        counted |= {"hr": round(float(slice_.of_items(search.chosen).mean()), 5)}
    if len(slice_.users) >= _MIN_USERS:
        _choose_history(search, "user", slice_.of_users, len(slice_.users), dataset)
    if len(slice_.sessions) >= _MIN_STEPS:
        _choose_history(search, "session", slice_.of_sessions, len(slice_.sessions), dataset)
        if len(slice_.users) < _MIN_USERS:
            search.copy("session", "user")
    return search.chosen.model_copy(update={"tried": search.tried, **counted})


def _choose_fit(search: "_Search", slice_: Validation, refit: bool, timed: bool) -> None:
    """The parameters of vectors, lists and their blend."""
    search.best("covisit_weight", WEIGHTS, slice_.of_items)
    first = search.chosen
    search.better("steps", STEPS if refit else (), slice_.of_items)
    search.better("tilt", TILTS, slice_.of_items)
    search.better("half_life", HALF_LIVES if timed and refit else (), slice_.of_items)
    if search.chosen != first:
        search.best("covisit_weight", WEIGHTS, slice_.of_items)


def _choose_history(search: "_Search", kind: str, score: Score, asked: int, dataset: Dataset) -> None:
    """How a visitor's history counts; the half-life of the trend is settled by who is asked first."""
    choose_weight = search.best if asked >= _MIN_STEPS else search.better
    choose_weight(f"{kind}_weight", WEIGHTS, score)
    search.better(f"{kind}_trend", TRENDS, score)
    search.better(f"{kind}_decay", DECAYS if dataset.ordered else (), score)
    if getattr(search.chosen, f"{kind}_trend"):
        search.better("trend_half_life", TREND_HALF_LIVES if dataset.timed else (), score)
        search.settled.add("trend_half_life")
        search.better(f"{kind}_trend", TRENDS, score)
    choose_weight(f"{kind}_weight", WEIGHTS, score)


def repeat_weight(dataset: Dataset) -> float | None:
    """σ = clip(10 ρ, 0.5, 4), ρ the share of interactions with an item that their user had met before;
    None where that hardly happens."""
    share = 1 - dataset.account.pairs / max(dataset.account.rows_kept, 1)
    return None if share < _SELDOM else round(float(np.clip(10 * share, _MIN_REPEAT, _MAX_REPEAT)), 4)


_PINNABLE = (
    "covisit_weight",
    "tilt",
    "steps",
    "half_life",
    "trend_half_life",
    "session_decay",
    "session_weight",
    "session_trend",
    "user_decay",
    "user_weight",
    "user_trend",
)


class _Search:
    """The parameters chosen so far, everything that was tried, and what is not to be tried again."""

    def __init__(self, start: ScoringInfo, pinned: frozenset[str], on_progress: ProgressCallback) -> None:
        self.chosen = start
        self.tried: dict[str, dict[str, float]] = {}
        self.settled = set(pinned)
        self._on_done = on_progress

    def best(self, name: str, values: Sequence[float], score: Score) -> None:
        """The value with the highest mean; ties to the one nearest the present one."""
        self._choose(name, values, score, lambda gains: gains.mean() > 0)

    def better(self, name: str, values: Sequence[float], score: Score) -> None:
        """As `best`, but the present value stays unless the gain is above its standard error."""
        self._choose(name, values, score, _is_significant)

    def copy(self, kind: str, other: str) -> None:
        """What was chosen for one kind of visitor, for another that too few are of."""
        names = [f"{kind}_{of}" for of in ("decay", "weight", "trend")]
        update = {name.replace(kind, other): getattr(self.chosen, name) for name in names}
        unsettled = {name: value for name, value in update.items() if name not in self.settled}
        self.chosen = self.chosen.model_copy(update=unsettled)

    def _choose(
        self, name: str, values: Sequence[float], score: Score, worth_it: Callable[[Values], bool]
    ) -> None:
        present = getattr(self.chosen, name)
        if name not in self.settled and values:
            found = {value: score(self._with(name, value)) for value in {*values, present}}
            self.tried[name] = {f"{value:g}": round(float(found[value].mean()), 5) for value in sorted(found)}
            nearest = sorted(found, key=lambda value: abs(np.log((value + 0.1) / (present + 0.1))))
            top = max(nearest, key=lambda value: found[value].mean())
            if worth_it(found[top] - found[present]):
                self.chosen = self._with(name, top)
        self._on_done(1)

    def _with(self, name: str, value: float) -> ScoringInfo:
        return self.chosen.model_copy(update={name: value})


def _is_significant(gains: Values) -> bool:
    return bool(gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)))
