"""Ids of the entries of a Redis stream: `<milliseconds>-<number>`, in the order in which entries were
added."""

from typing import NamedTuple


class StreamId(NamedTuple):
    """milliseconds: when Redis added the entry, since 1970. number: tells entries of one millisecond apart.

    Ids compare as entries follow each other; the default is before all of them.
    """

    milliseconds: int = 0
    number: int = 0

    @classmethod
    def parse(cls, text: str | bytes) -> "StreamId":
        """The id that Redis wrote; an empty text is before all entries. Raises ValueError."""
        milliseconds, _, number = (text if isinstance(text, str) else text.decode()).partition("-")
        return cls(int(milliseconds or 0), int(number or 0))

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.number}"

    @property
    def seconds(self) -> float:
        """When Redis added the entry, in seconds since 1970."""
        return self.milliseconds / 1_000

    @property
    def next(self) -> "StreamId":
        """The smallest id after this one."""
        return StreamId(self.milliseconds, self.number + 1)
