"""The edits of one item since the last rebuild, merged into one record, and how it is written as a table
row."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypedDict

import numpy as np
import orjson
from numpy.typing import NDArray

from hybrid_recs.types import METADATA_FIELDS, Floats

COLUMNS = "item_id, seq, described, metadata, vector, basis, available, time, base, dataset"
ChangeRow = tuple[str, int, int, str | None, bytes | None, str, int, float, str, str]
_DESCRIPTION_FIELDS = frozenset({*METADATA_FIELDS, "vector"})


class Placement(StrEnum):
    """Where an item's vector comes from: interactions, the client, or its metadata."""

    INTERACTIONS = "interactions"
    VECTOR = "vector"
    CONTENT = "content"
    NOT_PLACED = "not placed"


class ItemFields(TypedDict, total=False):
    """The fields that one edit sets; the others keep their values."""

    title: str | None
    categories: list[str]
    text: str | None
    vector: NDArray[np.floating[Any]] | None
    available: bool


@dataclass(frozen=True, slots=True)
class ItemMetadata:
    """None for a field that was never set."""

    title: str | None = None
    categories: list[str] | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ItemChange:
    """All edits of an item so far, merged.

    seq: number of the latest edit. described_seq: number of the latest edit of more than the availability;
    0 when there was none. vector: of length 1, valid only in the space that `vector_space` names.
    time: of the latest edit, in seconds since 1970. base: for each edited field a hash of what the items
    table said when it was edited; for `available`, 1 or 0. dataset: that the edits were made on; empty: not
    known.
    """

    item_id: str
    seq: int
    described_seq: int
    metadata: ItemMetadata | None
    vector: Floats | None
    vector_space: str
    available: bool
    time: float
    base: Mapping[str, int] = field(default_factory=dict)
    dataset: str = ""

    def is_of(self, dataset: str) -> bool:
        """Whether the edits are of this dataset, as far as is known."""
        return self.dataset in ("", dataset)

    def has_content_of(self, other: "ItemChange") -> bool:
        """Whether both describe the same item, whenever they were made."""
        return self.to_row()[3:7] == other.to_row()[3:7]

    def to_row(self) -> tuple[object, ...]:
        """The values in the order of COLUMNS."""
        vector = None if self.vector is None else self.vector.astype("<f4").tobytes()
        metadata = None if self.metadata is None else orjson.dumps(self.metadata).decode()
        return (
            self.item_id, self.seq, self.described_seq, metadata, vector, self.vector_space, self.available,
            self.time, orjson.dumps(self.base).decode(), self.dataset,
        )  # fmt: skip

    @classmethod
    def from_row(cls, row: ChangeRow) -> "ItemChange":
        """The change that `to_row` gave the row of."""
        item_id, seq, described_seq, metadata, vector, vector_space, available, seconds, base, dataset = row
        return cls(
            item_id=item_id,
            seq=seq,
            described_seq=described_seq,
            metadata=None if metadata is None else ItemMetadata(**orjson.loads(metadata)),
            vector=None if vector is None else np.frombuffer(vector, "<f4"),
            vector_space=vector_space,
            available=bool(available),
            time=seconds,
            base=orjson.loads(base),
            dataset=dataset,
        )


def sets_description(fields: ItemFields) -> bool:
    """Whether an edit sets more than the availability."""
    return not _DESCRIPTION_FIELDS.isdisjoint(fields)


@dataclass(frozen=True, slots=True)
class EditBasis:
    """What an edit was made on: the space of a vector among its fields, what the items table said of each
    field, and the dataset."""

    vector_space: str = ""
    base: Mapping[str, int] = field(default_factory=dict)
    dataset: str = ""


def apply_edit(
    item_id: str, before: ItemChange | None, fields: ItemFields, basis: EditBasis, seq: int
) -> ItemChange:
    """The record of an item after edit number `seq`."""
    metadata = before.metadata if before else None
    if not fields.keys().isdisjoint(METADATA_FIELDS):
        old = metadata or ItemMetadata()
        metadata = ItemMetadata(
            title=fields.get("title", old.title),
            categories=fields.get("categories", old.categories),
            text=fields.get("text", old.text),
        )
    vector, space = (before.vector, before.vector_space) if before else (None, "")
    if "vector" in fields:
        given, vector, space = fields["vector"], None, ""
        if given is not None:
            vector, space = given.astype(np.float32), basis.vector_space
    return ItemChange(
        item_id=item_id,
        seq=seq,
        described_seq=seq if sets_description(fields) else before.described_seq if before else 0,
        metadata=metadata,
        vector=vector,
        vector_space=space,
        available=fields.get("available", before.available if before else True),
        time=time.time(),
        base={**(before.base if before else {}), **basis.base},
        dataset=basis.dataset or (before.dataset if before else ""),
    )


def without_edits(item_id: str, dataset: str, seq: int) -> ItemChange:
    """The record of an item whose edits are all taken back."""
    return ItemChange(item_id, seq, 0, None, None, "", True, time.time(), {}, dataset)
