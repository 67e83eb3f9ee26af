"""The tuned parameters one by one: how each is named, read and replaced."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from hybrid_recs.generation.scoring_parameters import ScoringParameters
from hybrid_recs.types import HistoryWeights


@dataclass(frozen=True, slots=True)
class Parameter:
    """name: in the settings, in the manifest and among the values tried."""

    name: str
    value_of: Callable[[ScoringParameters], float]
    replaced: Callable[[ScoringParameters, float], ScoringParameters]


class HistoryParameters(NamedTuple):
    """The parameters of one kind of history, a session's or a user's."""

    decay: Parameter
    weight: Parameter
    trend: Parameter


def _of_history(
    kind: str,
    weights_of: Callable[[ScoringParameters], HistoryWeights],
    replaced: Callable[[ScoringParameters, HistoryWeights], ScoringParameters],
) -> HistoryParameters:
    return HistoryParameters(
        decay=Parameter(
            f"{kind}_decay",
            lambda p: weights_of(p).decay,
            lambda p, value: replaced(p, replace(weights_of(p), decay=value)),
        ),
        weight=Parameter(
            f"{kind}_weight",
            lambda p: weights_of(p).covisit_weight,
            lambda p, value: replaced(p, replace(weights_of(p), covisit_weight=value)),
        ),
        trend=Parameter(
            f"{kind}_trend",
            lambda p: weights_of(p).trend,
            lambda p, value: replaced(p, replace(weights_of(p), trend=value)),
        ),
    )


COVISIT_WEIGHT = Parameter(
    "covisit_weight", lambda p: p.covisit_weight, lambda p, value: replace(p, covisit_weight=value)
)
TILT = Parameter("tilt", lambda p: p.tilt, lambda p, value: replace(p, tilt=value))
STEPS = Parameter("steps", lambda p: p.steps, lambda p, value: replace(p, steps=int(value)))
HALF_LIFE = Parameter("half_life", lambda p: p.half_life, lambda p, value: replace(p, half_life=value))
TREND_HALF_LIFE = Parameter(
    "trend_half_life", lambda p: p.trend_half_life, lambda p, value: replace(p, trend_half_life=value)
)
SESSION = _of_history("session", lambda p: p.session, lambda p, weights: replace(p, session=weights))
USER = _of_history("user", lambda p: p.user, lambda p, weights: replace(p, user=weights))

PARAMETERS = (COVISIT_WEIGHT, TILT, STEPS, HALF_LIFE, TREND_HALF_LIFE, *SESSION, *USER)
"""In the order of the settings."""
