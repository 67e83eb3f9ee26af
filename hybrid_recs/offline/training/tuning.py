"""Chooses the parameters of fit and score on a held-out slice of the data; pinned ones stay as they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from hybrid_recs.generation.manifest import ScoringInfo
from hybrid_recs.generation.scoring_parameters import ScoringParameters
from hybrid_recs.offline.data.dataset import Dataset
from hybrid_recs.offline.training import parameters
from hybrid_recs.offline.training.parameters import HistoryParameters, Parameter
from hybrid_recs.offline.training.validation import ValidationSlice, Values, hold_out
from hybrid_recs.types import ProgressCallback, no_progress

# With the last one the lists decide, and vectors only order items of equal list weight.
WEIGHTS = (0.0, 0.5, 1.0, 3.0, 10.0, 100.0)
STEPS = (2, 3, 4, 5)
TILTS = (0.0, 0.05, 0.1)
HALF_LIVES = (0.1, 0.25, 1.0)
DECAYS = (0.0, 0.25, 0.5, 1.0, 1.5)
# Above 10 the figures still improve where everybody follows the trend, but all visitors see the same items.
TRENDS = (0.0, 0.3, 1.0, 3.0, 10.0)
TREND_HALF_LIVES = (0.003, 0.01, 0.03, 0.1, 1.0)
ROUNDS = 17
_MIN_CASES, _MIN_USERS = 100, 20
# Above, parameters that need another fit keep their default: the search must not cost more than the rebuild.
_MAX_PAIRS_REFITTED = 5_000_000
_MIN_REPEAT, _MAX_REPEAT = 0.5, 4.0
_MIN_REPEAT_SHARE = 0.01

Score = Callable[[ScoringParameters], Values]


def choose_scoring(
    dataset: Dataset,
    dimensions: int | None,
    seed: int,
    pinned: Mapping[Parameter, float],
    on_progress: ProgressCallback = no_progress,
) -> ScoringInfo:
    """Choose one parameter after the other by validation HR@20 (nDCG@20 for users); deterministic.

    Co-visit weights take the value with the highest figure, so that the blend is never worse than vectors
    alone or lists alone. The others leave their default only if the gain exceeds one standard error of the
    paired difference.
    """
    start = _start(dataset, pinned)
    if len(pinned) == len(parameters.PARAMETERS):
        return ScoringInfo.of(start)
    refit = len(dataset.pairs) <= _MAX_PAIRS_REFITTED
    validation = hold_out(dataset, dimensions, seed)
    validation.steps_kept = frozenset(STEPS if refit and parameters.STEPS not in pinned else ())
    validation.half_lives_kept = frozenset(
        TREND_HALF_LIVES if parameters.TREND_HALF_LIFE not in pinned else ()
    )
    search = Search(start, frozenset(pinned), on_progress)
    hr = None
    if validation.n_item_steps >= _MIN_CASES:
        _choose_fit(search, validation, refit, dataset.timed)
        hr = round(float(validation.item_hits(search.chosen).mean()), 5)
    n_users, n_sessions = len(validation.users), len(validation.sessions)
    if n_users >= _MIN_USERS:
        _choose_history(search, parameters.USER, validation.user_ndcg, n_users, dataset)
    if n_sessions >= _MIN_CASES:
        _choose_history(search, parameters.SESSION, validation.session_hits, n_sessions, dataset)
        if n_users < _MIN_USERS:
            search.copy(parameters.SESSION, parameters.USER)
    return ScoringInfo.of(
        search.chosen, search.tried, validation.n_item_steps, n_users, hr, validation.protocol
    )


def _start(dataset: Dataset, pinned: Mapping[Parameter, float]) -> ScoringParameters:
    """The defaults, without decay where the data has no order, and what is pinned."""
    start = ScoringParameters()
    start = replace(start, session=replace(start.session, repeat=repeat_weight(dataset)))
    if not dataset.ordered:
        for history in (parameters.SESSION, parameters.USER):
            start = history.decay.replaced(start, 0.0)
    for parameter, value in pinned.items():
        start = parameter.replaced(start, value)
    return start


def _choose_fit(search: "Search", validation: ValidationSlice, refit: bool, timed: bool) -> None:
    """The parameters of vectors, lists and their blend."""
    search.pick_best(parameters.COVISIT_WEIGHT, WEIGHTS, validation.item_hits)
    first = search.chosen
    search.pick_if_significant(parameters.STEPS, STEPS if refit else (), validation.item_hits)
    search.pick_if_significant(parameters.TILT, TILTS, validation.item_hits)
    half_lives = HALF_LIVES if timed and refit else ()
    search.pick_if_significant(parameters.HALF_LIFE, half_lives, validation.item_hits)
    if search.chosen != first:
        search.pick_best(parameters.COVISIT_WEIGHT, WEIGHTS, validation.item_hits)


def _choose_history(
    search: "Search", history: HistoryParameters, score: Score, n_cases: int, dataset: Dataset
) -> None:
    """How a visitor's history counts. The first history that uses the trend settles its half-life."""
    pick_weight = search.pick_best if n_cases >= _MIN_CASES else search.pick_if_significant
    pick_weight(history.weight, WEIGHTS, score)
    search.pick_if_significant(history.trend, TRENDS, score)
    search.pick_if_significant(history.decay, DECAYS if dataset.ordered else (), score)
    if history.trend.value_of(search.chosen):
        half_lives = TREND_HALF_LIVES if dataset.timed else ()
        search.pick_if_significant(parameters.TREND_HALF_LIFE, half_lives, score)
        search.settled.add(parameters.TREND_HALF_LIFE)
        search.pick_if_significant(history.trend, TRENDS, score)
    pick_weight(history.weight, WEIGHTS, score)


def repeat_weight(dataset: Dataset) -> float | None:
    """σ = clip(10 ρ, 0.5, 4), ρ the share of interactions that repeat an earlier (user, item) pair; None
    where repeats are rare."""
    share = 1 - dataset.stats.pairs / max(dataset.stats.rows_kept, 1)
    if share < _MIN_REPEAT_SHARE:
        return None
    return round(float(np.clip(10 * share, _MIN_REPEAT, _MAX_REPEAT)), 4)


class Search:
    """The parameters chosen so far, every value that was tried, and the parameters that are settled."""

    def __init__(
        self, start: ScoringParameters, pinned: frozenset[Parameter], on_progress: ProgressCallback
    ) -> None:
        self.chosen = start
        self.tried: dict[str, dict[str, float]] = {}
        self.settled = set(pinned)
        self._on_progress = on_progress

    def pick_best(self, parameter: Parameter, values: Sequence[float], score: Score) -> None:
        """Take the value with the highest mean; ties go to the value nearest to the present one."""
        self._pick(parameter, values, score, lambda gains: gains.mean() > 0)

    def pick_if_significant(self, parameter: Parameter, values: Sequence[float], score: Score) -> None:
        """As `pick_best`, but keep the present value unless the gain exceeds its standard error."""
        self._pick(parameter, values, score, _is_significant)

    def copy(self, source: HistoryParameters, target: HistoryParameters) -> None:
        """Give one kind of history the values of another; settled parameters stay."""
        for copied, parameter in zip(source, target, strict=True):
            if parameter not in self.settled:
                self.chosen = parameter.replaced(self.chosen, copied.value_of(self.chosen))

    def _pick(
        self,
        parameter: Parameter,
        values: Sequence[float],
        score: Score,
        is_worth_it: Callable[[Values], bool],
    ) -> None:
        present = parameter.value_of(self.chosen)
        if parameter not in self.settled and values:
            scores = {value: score(parameter.replaced(self.chosen, value)) for value in {*values, present}}
            means = {value: round(float(scores[value].mean()), 5) for value in sorted(scores)}
            self.tried[parameter.name] = {f"{value:g}": mean for value, mean in means.items()}
            nearest = sorted(scores, key=lambda value: abs(np.log((value + 0.1) / (present + 0.1))))
            top = max(nearest, key=lambda value: scores[value].mean())
            if is_worth_it(scores[top] - scores[present]):
                self.chosen = parameter.replaced(self.chosen, top)
        self._on_progress(1)


def _is_significant(gains: Values) -> bool:
    return bool(gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)))
