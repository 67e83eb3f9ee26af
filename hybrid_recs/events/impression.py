"""The log entry of an answer that was shown: the service writes it, the prediction report reads it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_HASH_BYTES = 4
_HASHES = 1 << 8 * _HASH_BYTES


@dataclass(frozen=True, slots=True)
class Impression:
    """time: seconds since 1970. kind: of query (item, session, user, basket, vector, metadata). items: ids,
    best first. age_seconds: of a precomputed list, None for a live answer."""

    recommendation_id: str
    time: float
    kind: str
    source: str
    generation: str
    visitor: str | None
    items: Sequence[str]
    age_seconds: float | None

    def fields(self) -> dict[str, str]:
        """The fields of a stream entry; unknown values are empty."""
        return {
            "recommendation_id": self.recommendation_id,
            "time": f"{self.time:.3f}",
            "kind": self.kind,
            "source": self.source,
            "generation": self.generation,
            "visitor": self.visitor or "",
            "items": json.dumps(list(self.items)),
            "age": "" if self.age_seconds is None else f"{self.age_seconds:.3f}",
        }

    @classmethod
    def decode(cls, entry: Mapping[bytes, bytes]) -> "Impression | None":
        """The impression that `fields` wrote, or None for another entry."""
        try:
            fields = {name.decode(): value.decode() for name, value in entry.items()}
            items = json.loads(fields["items"])
            age = fields["age"]
            return cls(
                recommendation_id=fields["recommendation_id"],
                time=float(fields["time"]),
                kind=fields["kind"],
                source=fields["source"],
                generation=fields["generation"],
                visitor=fields["visitor"] or None,
                items=tuple(str(item) for item in items),
                age_seconds=float(age) if age else None,
            )
        except (KeyError, ValueError, TypeError):
            return None


def is_sampled(recommendation_id: str, share: float) -> bool:
    """Whether an answer belongs to the sample; every worker gives the same result at any time."""
    if share >= 1 or share <= 0:
        return share >= 1
    digest = hashlib.blake2b(recommendation_id.encode(), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(digest, "little") < share * _HASHES
