"""Value types shared by all folders; imports nothing of ours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_ID_LENGTH = 256
"""Characters of an item, user, session or event id, everywhere."""
SECONDS_PER_DAY = 86_400
METADATA_FIELDS = ("title", "categories", "text")
"""What the items table says of an item, and edits change."""

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]
ScoredRows = tuple[Sequence[int], Sequence[int]]
"""Rows, best first, and the bits of their scores in half precision."""
Json = dict[str, Any]
ProgressCallback = Callable[[int], None]
"""Called with the number of units of a long job done since the last call."""


def no_progress(_: int) -> None:
    """A ProgressCallback that shows nothing."""


def half_precision(scores: NDArray[np.floating[Any]]) -> Floats:
    """Rounded as an encoded list stores them, so that a live answer equals a cached one bit by bit."""
    return scores.astype(np.float16).astype(np.float32)


def half_bits(scores: Floats) -> list[int]:
    """The bits of scores in half precision."""
    bits: list[int] = scores.astype(np.float16).view(np.uint16).tolist()
    return bits


def scores_from_bits(bits: Sequence[int]) -> Floats:
    """The scores that `half_bits` gave the bits of."""
    return np.array(bits, np.uint16).view(np.float16).astype(np.float32)


class Source(StrEnum):
    """The tier that answered. The fallback chain of an item is cache, live, content, popular; BATCH is a list
    that a job stored for a user; NONE: no tier was allowed to answer."""

    __hash__ = str.__hash__  # Enum's own is Python code, and this is a key of every request's counter

    CACHE = "cache"
    LIVE = "live"
    BATCH = "batch"
    CONTENT = "content"
    POPULAR = "popular"
    NONE = "none"


HIT_SOURCES = frozenset({Source.CACHE, Source.BATCH})
"""Answers from a precomputed list, of an item or a user, count as cache hits."""


class PublicReason(StrEnum):
    """Why the tier above did not answer."""

    __hash__ = str.__hash__

    LIST_MISSING = "list_missing"
    CACHE_UNAVAILABLE = "cache_unavailable"
    LIST_TOO_SHORT = "list_too_short"
    LIST_STALE = "list_stale"
    NO_INTERACTIONS = "no_interactions"
    NO_VECTOR = "no_vector"
    UNKNOWN_ITEM = "unknown_item"
    NOTHING_KNOWN = "nothing_known"
    VISITOR_UNAVAILABLE = "visitor_unavailable"
    NOT_READY = "not_ready"


class Outcome(StrEnum):
    """Why a request was answered as it was. Every request is counted under one source and one outcome.

    HIT: a precomputed list (hot, rising, a user's, pushed to a session) was the answer.
    TAIL: the item has no list and is not requested often enough to get one. RISING: it is requested often
    enough, its list is not written yet. COMPOSED: more than one item, so computed for the request.
    LIST_MISSING: Redis lost (evicted) the list of a hot item. LIST_NOT_LOADED: the generation's lists are
    not all in Redis yet. RISING_LIST_MISSING: Redis lost the list of a rising item.
    CACHE_UNAVAILABLE: Redis was unreachable. LIST_TOO_SHORT: too few items were left after exclusions,
    filters and hidden items. LIST_STALE: the user was active after the list was made.
    NO_INTERACTIONS: the vector comes from metadata. NO_VECTOR, UNKNOWN_ITEM, NOTHING_KNOWN: popular items.
    VISITOR_UNAVAILABLE: Redis could not be read for the session or user of the request, so that the answer
    leaves the visitor's items and stored list out. NOT_READY: no generation is loaded.
    """

    __hash__ = str.__hash__

    HIT = "hit"
    TAIL = "tail"
    RISING = "rising"
    COMPOSED = "composed"
    LIST_MISSING = "list_missing"
    LIST_NOT_LOADED = "list_not_loaded"
    RISING_LIST_MISSING = "rising_list_missing"
    CACHE_UNAVAILABLE = "cache_unavailable"
    LIST_TOO_SHORT = "list_too_short"
    LIST_STALE = "list_stale"
    NO_INTERACTIONS = "no_interactions"
    NO_VECTOR = "no_vector"
    UNKNOWN_ITEM = "unknown_item"
    NOTHING_KNOWN = "nothing_known"
    VISITOR_UNAVAILABLE = "visitor_unavailable"
    NOT_READY = "not_ready"

    @property
    def public_reason(self) -> PublicReason | None:
        """What clients are told, None for a normal answer; coarser than the outcome."""
        return _PUBLIC_REASONS[self]


_PUBLIC_REASONS: dict[Outcome, PublicReason | None] = {
    **dict.fromkeys(Outcome),
    **{Outcome(reason.value): reason for reason in PublicReason},
    Outcome.LIST_NOT_LOADED: PublicReason.LIST_MISSING,
    Outcome.RISING_LIST_MISSING: PublicReason.LIST_MISSING,
}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Rows, best first, with their scores; both arrays have the same length."""

    rows: Rows
    scores: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def scored_rows(self) -> ScoredRows:
        return self.rows.tolist(), half_bits(self.scores)

    def head(self, k: int) -> "Neighbours":
        """The best `k`."""
        return Neighbours(self.rows[:k], self.scores[:k])

    def without(self, rows: frozenset[int]) -> "Neighbours":
        """The same order without the given rows."""
        if not rows:
            return self
        return self.masked(~np.isin(self.rows, np.fromiter(rows, np.int64, len(rows))))

    def masked(self, keep: NDArray[np.bool_]) -> "Neighbours":
        """The same order, of the positions where `keep` is true."""
        return Neighbours(self.rows[keep], self.scores[keep])


@dataclass(frozen=True, slots=True)
class HistoryWeights:
    """How a visitor's history is scored.

    decay: the a-th most recent distinct item weighs (1 + a)^-decay. covisit_weight: of co-visits.
    trend: of the items that were popular lately. repeat: factor of the items' own weights in their score;
    None: they are never recommended again.
    """

    decay: float
    covisit_weight: float
    trend: float = 0.0
    repeat: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The neighbours one request gets, the tier that gave them, and why that tier."""

    source: Source
    outcome: Outcome
    neighbours: Neighbours
