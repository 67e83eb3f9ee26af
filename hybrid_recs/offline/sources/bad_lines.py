"""Lines that cannot be read: counted up to a share, and the first one to show."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.masking import masked

REASON = "on a line that cannot be read"
MAX_SHARE = 0.01
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


def require_few(bad: BadLines, remedy: str) -> None:
    """Raise DatasetError when more than 1 % of the lines are bad: then the file is read in the wrong way."""
    if bad.count > MAX_SHARE * bad.lines:
        raise DatasetError(f"{bad.text}; {bad.count:,} of {bad.lines:,} lines are such. {remedy}")


def shown_fields(line: str, separator: str, header: Sequence[str], private: Sequence[str]) -> str:
    """A line of a separated file with the fields of the private columns masked, at most 80 characters."""
    places = {place for place, name in enumerate(header) if name in private}
    fields = line.strip("\r\n").split(separator)
    return separator.join(masked(f) if place in places else f for place, f in enumerate(fields))[:_SHOWN]


def shown_json(line: str, private: Sequence[str]) -> str:
    """A line of JSON, or a part of one, with the values of the private keys masked."""
    keys = "|".join(re.escape(name) for name in private)
    values = re.compile(rf'("(?:{keys})"\s*:\s*"?)([^",}}]+)')
    return values.sub(lambda found: found[1] + masked(found[2]), line.strip())[:_SHOWN]
