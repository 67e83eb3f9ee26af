"""Figures of a check as text."""

from datetime import UTC, datetime

from hybrid_recs.offline.check.report import Outlook


def time_text(seconds: float) -> str:
    """In UTC, to the minute."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def bytes_text(count: int) -> str:
    """With one decimal of the unit that fits; 1 kB is 1,000 bytes."""
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if size < 1_000:
            break
        size, unit = size / 1_000, larger
    return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"


def outlook_text(outlook: Outlook) -> str:
    """One sentence; what is estimated is marked ≈."""
    return (
        f"{outlook.dimensions} dimensions, {outlook.index} index, {outlook.hot_items:,} hot items for "
        f"{outlook.hot_share:.0%} of the interactions, ≈ {outlook.hot_mb:,.1f} MB in Redis; "
        f"≈ {outlook.memory_mb:,.0f} MB of memory, ≈ {outlook.seconds:,.0f} s on two cores"
    )
