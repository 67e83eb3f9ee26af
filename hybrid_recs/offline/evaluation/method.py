"""The interface of a recommendation method under evaluation."""

from enum import StrEnum
from typing import Protocol

from hybrid_recs.types import Rows


class MethodKind(StrEnum):
    """SERVED: the answers of the service. PART: one half of its score. BASELINE: a method from the field."""

    SERVED = "served"
    PART = "part"
    BASELINE = "baseline"


class Method(Protocol):
    """Recommends rows of the training data's `EncodedData`, best first: at most k, without duplicates."""

    @property
    def name(self) -> str:
        """As in the result tables."""
        ...

    @property
    def kind(self) -> MethodKind: ...

    def from_item(self, row: int, k: int) -> Rows:
        """What follows one item; never the item itself."""
        ...

    def from_session(self, rows: Rows, k: int) -> Rows:
        """What follows; `rows` oldest first, repeats included; items of the session may be recommended."""
        ...

    def from_user(self, rows: Rows, k: int) -> Rows:
        """What else a user will interact with; `rows` is the history, oldest first, and is excluded."""
        ...
