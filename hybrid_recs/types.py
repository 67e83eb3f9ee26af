"""Small shared value types; imports nothing of ours."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_ID_LENGTH = 256
"""Characters of an item, user, session or event id, everywhere."""
SECONDS_PER_DAY = 86_400

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]
Json = dict[str, Any]
ProgressCallback = Callable[[int], None]
"""Told how many more units of a long work are done."""


def no_progress(_: int) -> None:
    """For callers that show no progress."""


class Source(StrEnum):
    """What answered. The ladder's rungs for an item: cache, live, content, popular; a user's stored list is
    BATCH; NONE when no rung was allowed to."""

    __hash__ = str.__hash__  # Enum's own is Python code, and this is a key of every request's counter

    CACHE = "cache"
    LIVE = "live"
    BATCH = "batch"
    CONTENT = "content"
    POPULAR = "popular"
    NONE = "none"


class Reason(StrEnum):
    """Why an answer did not come from the rung above."""

    __hash__ = str.__hash__

    LIST_MISSING = "list_missing"
    CACHE_UNAVAILABLE = "cache_unavailable"
    LIST_TOO_SHORT = "list_too_short"
    LIST_STALE = "list_stale"
    NO_INTERACTIONS = "no_interactions"
    NO_VECTOR = "no_vector"
    UNKNOWN_ITEM = "unknown_item"
    NOTHING_KNOWN = "nothing_known"
    NOT_READY = "not_ready"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Rows, best first, with their scores; both arrays have the same length."""

    rows: Rows
    scores: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def head(self, k: int) -> "Neighbours":
        """The best `k`."""
        return Neighbours(self.rows[:k], self.scores[:k])

    def without(self, rows: frozenset[int]) -> "Neighbours":
        """The same order without the given rows."""
        if not rows:
            return self
        return self.only(~np.isin(self.rows, np.fromiter(rows, np.int64, len(rows))))

    def only(self, keep: NDArray[np.bool_]) -> "Neighbours":
        """The same order, of those that are to be kept."""
        return Neighbours(self.rows[keep], self.scores[keep])


@dataclass(frozen=True, slots=True)
class HistoryWeights:
    """How a visitor's history is scored.

    decay: the a-th most recent distinct item weighs (1 + a)^-decay. covisit_weight: of co-visits.
    trend: of what everybody meets lately. repeat: what the items' own weights count for again in their
    score; None: they never come again.
    """

    decay: float
    covisit_weight: float
    trend: float = 0.0
    repeat: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request gets: the neighbours, and which rung gave them and why."""

    source: Source
    reason: Reason | None
    neighbours: Neighbours
