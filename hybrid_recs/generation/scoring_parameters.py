"""The parameters of vector fit and score that a rebuild chooses, per kind of query."""

from dataclasses import dataclass

from hybrid_recs.types import HistoryWeights

_SESSION = HistoryWeights(decay=1.0, covisit_weight=1.0, trend=0.0)
_USER = HistoryWeights(decay=0.5, covisit_weight=1.0, trend=3.0)


@dataclass(frozen=True, slots=True)
class ScoringParameters:
    """The defaults are those of a dataset that is too small to choose by.

    covisit_weight: of co-visits in answers to an item. tilt: power of popularity. steps: of the vector fit.
    half_life, trend_half_life: of a co-visit and of an interaction in the trend, in shares of the time span.
    session, user: how a session and a user's history are scored.
    """

    covisit_weight: float = 1.0
    tilt: float = 0.05
    steps: int = 3
    half_life: float = 0.25
    trend_half_life: float = 0.01
    session: HistoryWeights = _SESSION
    user: HistoryWeights = _USER
