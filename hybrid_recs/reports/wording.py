"""Names and numbers as every form of the report writes them."""

from datetime import UTC, datetime

from hybrid_recs.types import Outcome

_IN_WORDS = {
    Outcome.HIT: {"cache": "hot or rising item", "batch": "list made for the user"},
    Outcome.TAIL: "tail item",
    Outcome.RISING: "rising item, list not written yet",
    Outcome.COMPOSED: "more than one item",
    Outcome.LIST_MISSING: "list missing (evicted)",
    Outcome.LIST_NOT_LOADED: "list missing (not loaded yet)",
    Outcome.RISING_LIST_MISSING: "list of a rising item missing",
    Outcome.CACHE_UNAVAILABLE: "Redis out of reach",
    Outcome.LIST_TOO_SHORT: "list too short after exclusions and filters",
    Outcome.LIST_STALE: "list older than what the user did",
}


def cause_in_words(source: str, cause: str | None) -> str:
    """An outcome in words."""
    words = _IN_WORDS.get(Outcome(cause)) if cause else "no list"
    if isinstance(words, dict):
        words = words.get(source, source)
    return f"{source}: {words or str(cause).replace('_', ' ')}"


def when(seconds: float) -> str:
    """A time in UTC, to the minute."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def milliseconds(value: float | None) -> str:
    """Milliseconds, or microseconds where those are few."""
    if value is None:
        return "–"
    return f"{value * 1000:.0f} µs" if value < 0.1 else f"{value:.2f} ms"
