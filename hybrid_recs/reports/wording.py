"""Names and numbers as every form of the report writes them."""

from datetime import UTC, datetime

from hybrid_recs.types import Outcome

_HITS = {"cache": "hot or rising item", "batch": "precomputed list of the user"}
_OUTCOMES = {
    Outcome.TAIL: "tail item",
    Outcome.RISING: "rising item, list not written yet",
    Outcome.COMPOSED: "more than one item",
    Outcome.LIST_MISSING: "list missing (evicted)",
    Outcome.LIST_NOT_LOADED: "list missing (not loaded yet)",
    Outcome.RISING_LIST_MISSING: "list of a rising item missing",
    Outcome.CACHE_UNAVAILABLE: "Redis unreachable",
    Outcome.LIST_TOO_SHORT: "list too short after exclusions and filters",
    Outcome.LIST_STALE: "user was active after the list was made",
}


def describe_outcome(source: str, cause: str | None) -> str:
    """A source and an outcome (None: a live answer that a version before outcomes counted) for a table."""
    if cause is None:
        return f"{source}: no list"
    if cause == Outcome.HIT:
        return f"{source}: {_HITS.get(source, source)}"
    return f"{source}: {_OUTCOMES.get(Outcome(cause)) or cause.replace('_', ' ')}"


def format_time(seconds: float) -> str:
    """A time in UTC, to the minute."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def format_milliseconds(milliseconds: float | None) -> str:
    """Milliseconds, or microseconds below 0.1 ms."""
    if milliseconds is None:
        return "–"
    return f"{milliseconds * 1000:.0f} µs" if milliseconds < 0.1 else f"{milliseconds:.2f} ms"
