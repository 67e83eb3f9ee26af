"""Every error this package raises on purpose.

HybridRecsError
├── DatasetError            the description or the data it names cannot be used
├── GenerationError
│   ├── NoGenerationError   nothing is published, or no generation has that id
│   ├── CorruptGenerationError
│   ├── RebuildInProgressError
│   └── GateRefusedError    a finished build is not good enough to serve
├── RedisServerError        no redis-server could be found, started or reached
├── CacheUnavailableError   the cache did not answer in time (never reaches a client)
├── BadVectorError          a vector that does not fit the generation
├── ItemChangesError        the store of item changes cannot be read or written
├── TooManyNewItemsError    no room for one more until a rebuild
├── EventsError             events are not accepted now; nothing of the batch was, as far as is known
│   ├── EventsUnavailableError
│   └── BacklogError
└── UnknownItemError        the client asked for an error instead of popular items
"""


class HybridRecsError(Exception):
    """Base class; its text is fit to show to a user."""


class DatasetError(HybridRecsError):
    """Names the file or the column at fault and what there is instead."""


class GenerationError(HybridRecsError):
    """Something about the published generations."""


class NoGenerationError(GenerationError):
    """No such generation, or none published yet."""


class CorruptGenerationError(GenerationError):
    """A file is missing, has another checksum or cannot be opened."""


class RebuildInProgressError(GenerationError):
    """Another process holds the writer's lock."""


class GateRefusedError(GenerationError):
    """The build missed at least one bound of the gate."""

    def __init__(self, generation: str, reasons: list[str]) -> None:
        self.generation = generation
        self.reasons = reasons
        listed = "; ".join(reasons)
        super().__init__(f"generation {generation} was refused: {listed}")


class RedisServerError(HybridRecsError):
    """Carries the remedy in its text."""


class CacheUnavailableError(HybridRecsError):
    """The cache is out of reach, or the breaker in front of it is open."""


class ItemChangesError(HybridRecsError):
    """Names the file and the remedy."""


class TooManyNewItemsError(HybridRecsError):
    """As many items wait for a rebuild as may."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} new or newly described items wait for a rebuild already, which is the most "
            "(HYBRID_RECS_MAX_NEW_ITEMS); run make rebuild-index to fold them in"
        )


class UnknownItemError(HybridRecsError):
    """The catalogue has no such item."""

    def __init__(self, item_id: str) -> None:
        self.item_id = item_id
        super().__init__(f"no item {item_id!r} in this catalogue")


class BadVectorError(HybridRecsError):
    """Of another length than the generation's, or without a direction; says what is needed."""


class EventsError(HybridRecsError):
    """The same events may be sent again later: each counts once."""


class EventsUnavailableError(EventsError):
    """Redis did not take the events, or did not say so in time."""


class BacklogError(EventsError):
    """Too many events are waiting for a consumer."""
