"""What the evaluation asks of a way to recommend, be it ours, a part of it, or a baseline."""

from enum import StrEnum
from typing import Protocol

from hybrid_recs.types import Rows


class Kind(StrEnum):
    """SERVED: what the service answers. PART: one half of its score. BASELINE: somebody else's way."""

    SERVED = "served"
    PART = "part"
    BASELINE = "baseline"


class Method(Protocol):
    """Recommends rows of the training data's `EncodedData`, best first, at most k of them, never one
    twice."""

    @property
    def name(self) -> str:
        """As the tables call it."""
        ...

    @property
    def kind(self) -> Kind:
        """Ours, a part of ours, or a baseline."""
        ...

    def from_item(self, row: int, k: int) -> Rows:
        """What comes after one item; never the item itself."""
        ...

    def from_session(self, rows: Rows, k: int) -> Rows:
        """What comes next; `rows` oldest first, repeats included; seen items may come again."""
        ...

    def from_user(self, rows: Rows, k: int) -> Rows:
        """What else a user will want; `rows` is the history, oldest first; never one of it."""
        ...
