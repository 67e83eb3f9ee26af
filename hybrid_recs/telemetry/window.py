"""The window of a report as text: 30m, 24h, 7d."""

import re

from hybrid_recs.types import SECONDS_PER_DAY

# Minutes up to 11520, hours up to 192, days up to 8.
WINDOW_PATTERN = (
    r"^(([1-9]\d{0,3}|10\d{3}|11[0-4]\d{2}|115[01]\d|11520)m|([1-9]\d?|1[0-8]\d|19[0-2])h|[1-8]d)$"
)
_UNITS = {"m": 60, "h": 3_600, "d": SECONDS_PER_DAY}


def parse_window(text: str) -> int:
    """The seconds of a window; raises ValueError outside 1 minute to 8 days."""
    if not re.fullmatch(WINDOW_PATTERN, text, re.ASCII):
        raise ValueError(f"{text!r} is not a window; give 30m, 24h or 7d, at most the 8 days that are kept")
    return int(text[:-1]) * _UNITS[text[-1]]
