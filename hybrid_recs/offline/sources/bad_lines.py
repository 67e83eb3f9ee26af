"""Lines that cannot be read: counted up to a share, and the first one to show."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.masking import masked

REASON = "on a line that cannot be read"
_FREE_SHARE = 0.01  # one line may be bad, unless the file is shorter than this allows
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class BadLines:
    """count: of `lines`. The first of them: its number, what is wrong, and the line with users masked."""

    file: str
    lines: int = 0
    count: int = 0
    number: int = 0
    fault: str = ""
    example: str = ""

    @property
    def text(self) -> str:
        """The first bad line in words."""
        return f"{self.file}, line {self.number}: {self.fault} ({self.example!r})"

    def more(self, number: int, fault: str, example: str) -> "BadLines":
        """One more line; the first one is the example."""
        if self.count:
            return replace(self, count=self.count + 1)
        return replace(self, count=1, number=number, fault=fault, example=example)

    def without(self, count: int) -> "BadLines":
        """As many lines less: they belong to rows of several lines."""
        return replace(self, lines=self.lines - count) if count else self


def require_few(bad: BadLines, max_share: float, remedy: str) -> None:
    """Raise DatasetError when more than a share of the lines are bad: then the file is read in the wrong
    way."""
    if bad.count > max(max_share * bad.lines, min(1, _FREE_SHARE * bad.lines)):
        raise DatasetError(f"{bad.text}; {bad.count:,} of {bad.lines:,} lines are such. {remedy}")


def shown_fields(
    fields: Sequence[str], separator: str, columns: Sequence[str], private: Sequence[str] | None
) -> str:
    """A row of a separated file with the fields of the private columns masked, at most 80 characters."""
    # Where there are fields too many, those behind are shifted.
    shift = max(0, len(fields) - len(columns))
    hidden = {
        place + by
        for place, name in enumerate(columns)
        if private is None or name in private
        for by in range(shift + 1)
    }
    shown = (masked(field) if place in hidden else field for place, field in enumerate(fields))
    return separator.join(shown)[:_SHOWN]


def shown_json(line: str, private: Sequence[str] | None) -> str:
    """A line of JSON, or a part of one, with the values of the private keys masked."""
    keys = r'[^"]*' if private is None else "|".join(re.escape(name) for name in private)
    value = r'"(?:[^"\\]|\\.)*|[^",}\]]+'
    pattern = re.compile(rf'("(?:{keys})"\s*:\s*)({value})')
    return pattern.sub(lambda found: found[1] + masked(found[2].strip('"')), line.strip())[:_SHOWN]
