"""The log entry of an answer that was shown: the service writes it, the prediction report reads it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_HASH_BYTES = 4
_HASHES = 1 << 8 * _HASH_BYTES


@dataclass(frozen=True, slots=True)
class Impression:
    """What a visitor was shown. time: seconds since 1970. kind: of query (item, session, user, basket,
    vector, metadata). items: ids, best first. age_seconds: of a list that was made ahead of time."""

    recommendation_id: str
    time: float
    kind: str
    source: str
    generation: str
    visitor: str | None
    items: Sequence[str]
    age_seconds: float | None

    def fields(self) -> dict[str, str]:
        """As a stream's entry; what is not known is empty."""
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
    def read(cls, entry: Mapping[bytes, bytes]) -> "Impression | None":
        """What `fields` wrote, or None when the entry is something else."""
        try:
            known = {name.decode(): value.decode() for name, value in entry.items()}
            items = json.loads(known["items"])
            age = known["age"]
            return cls(
                recommendation_id=known["recommendation_id"],
                time=float(known["time"]),
                kind=known["kind"],
                source=known["source"],
                generation=known["generation"],
                visitor=known["visitor"] or None,
                items=tuple(str(item) for item in items),
                age_seconds=float(age) if age else None,
            )
        except (KeyError, ValueError, TypeError):
            return None


def sampled(recommendation_id: str, share: float) -> bool:
    """Whether an answer belongs to the sample: the same answer by every worker and at any time."""
    if share >= 1 or share <= 0:
        return share >= 1
    digest = hashlib.blake2b(recommendation_id.encode(), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(digest, "little") < share * _HASHES
