"""Why an answer was what it was, as metrics and reports count it: finer than the reason that clients are
told.

Every request is counted under one source and one cause. A cause stands for one reason, so the counters by
reason follow from those by cause.
"""

from enum import StrEnum

from hybrid_recs.types import Reason, Source


class Cause(StrEnum):
    """HIT: a list computed ahead (hot, rising, a user's, pushed to a session) was the answer.
    TAIL: no list, and not asked for often enough to get one. RISING: asked for often enough, its list not
    written yet. COMPOSED: about more than one item, so computed for the request.
    LIST_MISSING: Redis lost (evicted) the list of a hot item. LIST_NOT_LOADED: the generation's lists are
    not all in Redis yet. RISING_LIST_MISSING: the list of a rising item was lost.
    LIST_TOO_SHORT: too few were left after exclusions, filters and hidden items. LIST_STALE: the user did
    something since the list was made. The rest as the reasons of the same name.
    """

    __hash__ = str.__hash__  # Enum's own is Python code, and this is a key of every request's counter

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
    NOT_READY = "not_ready"


HITS = frozenset({Source.CACHE, Source.BATCH})
"""The sources that are hits: a list computed ahead was found where it should be, an item's or a user's."""

_FINER = {
    Cause.LIST_NOT_LOADED: Reason.LIST_MISSING,
    Cause.RISING_LIST_MISSING: Reason.LIST_MISSING,
}
REASON: dict[Cause, Reason | None] = {
    cause: _FINER.get(cause) or (Reason(cause.value) if cause.value in set(Reason) else None)
    for cause in Cause
}
"""What clients are told."""

_OF_ITEMS = (
    Cause.LIST_MISSING,
    Cause.LIST_NOT_LOADED,
    Cause.RISING_LIST_MISSING,
    Cause.CACHE_UNAVAILABLE,
    Cause.LIST_TOO_SHORT,
)
USUAL: tuple[tuple[Source, Cause], ...] = (
    (Source.CACHE, Cause.HIT),
    (Source.BATCH, Cause.HIT),
    *((Source.LIVE, cause) for cause in (Cause.TAIL, Cause.RISING, Cause.COMPOSED)),
    *((Source.LIVE, cause) for cause in _OF_ITEMS),
    (Source.LIVE, Cause.LIST_STALE),
    (Source.CONTENT, Cause.NO_INTERACTIONS),
    *((Source.POPULAR, c) for c in (Cause.NO_VECTOR, Cause.UNKNOWN_ITEM, Cause.NOTHING_KNOWN)),
    *((Source.NONE, cause) for cause in (Cause.UNKNOWN_ITEM, Cause.NOT_READY)),
)
"""What can be expected to happen; /metrics shows these from the start, at 0."""


def cause_of(source: Source, reason: Reason | None) -> Cause | None:
    """The cause that a source and a reason tell of; None of a live answer without a reason, which may have
    had one of several."""
    if reason is not None:
        return Cause(reason.value)
    return None if source is Source.LIVE else Cause.HIT
