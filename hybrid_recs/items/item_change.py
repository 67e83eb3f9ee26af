"""What was said of one item since the last rebuild, and how it is written as a row of a table."""

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypedDict

import numpy as np
import orjson
from numpy.typing import NDArray

from hybrid_recs.types import Floats

COLUMNS = "item_id, seq, described, metadata, vector, basis, available, time"
ChangeRow = tuple[str, int, int, str | None, bytes | None, str, int, float]
_DESCRIBING = frozenset({"title", "categories", "text", "vector"})


class Placement(StrEnum):
    """What gives an item its place among the others: what visitors did, a vector of its own, or metadata."""

    INTERACTIONS = "interactions"
    VECTOR = "vector"
    CONTENT = "content"
    NOT_PLACED = "not placed"


class ItemFields(TypedDict, total=False):
    """What a change says; what it leaves out stays as it was."""

    title: str | None
    categories: list[str]
    text: str | None
    vector: NDArray[np.floating[Any]] | None
    available: bool


@dataclass(frozen=True, slots=True)
class ItemMetadata:
    """What is written about an item; None where nothing was said."""

    title: str | None = None
    categories: list[str] | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """All that was said of an item so far.

    seq: number of its latest change. described: number of the latest that said more than whether it is
    available; 0 when none did. vector: of length 1, right only in the space that `basis` names.
    time: of the latest change, in seconds since 1970.
    """

    item_id: str
    seq: int
    described: int
    metadata: ItemMetadata | None
    vector: Floats | None
    basis: str
    available: bool
    time: float


def describes(fields: ItemFields) -> bool:
    """Whether more is said than whether the item is available."""
    return not _DESCRIBING.isdisjoint(fields)


def merged(item_id: str, before: Change | None, fields: ItemFields, basis: str, seq: int) -> Change:
    """What is said of an item after change number `seq`, given what was said before."""
    metadata = before.metadata if before else None
    if not {"title", "categories", "text"}.isdisjoint(fields):
        old = metadata or ItemMetadata()
        metadata = ItemMetadata(
            title=fields.get("title", old.title),
            categories=fields.get("categories", old.categories),
            text=fields.get("text", old.text),
        )
    vector, vector_basis = (before.vector, before.basis) if before else (None, "")
    if "vector" in fields:
        given = fields["vector"]
        vector, vector_basis = (None, "") if given is None else (given.astype(np.float32), basis)
    return Change(
        item_id=item_id,
        seq=seq,
        described=seq if describes(fields) else before.described if before else 0,
        metadata=metadata,
        vector=vector,
        basis=vector_basis,
        available=fields.get("available", before.available if before else True),
        time=time.time(),
    )


def same(change: Change, other: Change) -> bool:
    """Whether both say the same, whenever they said it."""
    return row_of(change)[3:7] == row_of(other)[3:7]


def row_of(change: Change) -> tuple[object, ...]:
    """Its values in the order of COLUMNS."""
    vector = None if change.vector is None else change.vector.astype("<f4").tobytes()
    metadata = None if change.metadata is None else orjson.dumps(change.metadata).decode()
    return (
        change.item_id, change.seq, change.described, metadata, vector, change.basis, change.available,
        change.time,
    )  # fmt: skip


def change_of(row: ChangeRow) -> Change:
    """The change that `row_of` made the row of."""
    item_id, seq, described, metadata, vector, basis, available, at = row
    return Change(
        item_id=item_id,
        seq=seq,
        described=described,
        metadata=None if metadata is None else ItemMetadata(**orjson.loads(metadata)),
        vector=None if vector is None else np.frombuffer(vector, "<f4"),
        basis=basis,
        available=bool(available),
        time=at,
    )
