"""Names and numbers as every form of the report writes them."""

from datetime import UTC, datetime

_ORDINARY = {
    "cache": "hot or rising item",
    "live": "tail item",
    "popular": "popular",
    "none": "none",
}


def reason_of(source: str, reason: str | None) -> str:
    """An outcome in words."""
    return f"{source}: {(reason or _ORDINARY.get(source, source)).replace('_', ' ')}"


def when(seconds: float) -> str:
    """A time in UTC, to the minute."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def milliseconds(value: float | None) -> str:
    """Milliseconds, or microseconds where those are few."""
    if value is None:
        return "–"
    return f"{value * 1000:.0f} µs" if value < 0.1 else f"{value:.2f} ms"
