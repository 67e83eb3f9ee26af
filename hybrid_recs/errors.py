"""Every error this package raises on purpose.

HybridRecsError
├── DatasetError            the dataset's description or its data cannot be used
├── GenerationError
│   ├── NoGenerationError   nothing is published, or no generation has that id
│   ├── CorruptGenerationError
│   ├── RebuildInProgressError
│   └── GateRefusedError    a finished build missed a bound of the gate
├── RedisServerError        no redis-server was found, or it did not start or stop
├── CacheUnavailableError   the cache did not answer in time (never reaches a client)
├── BadVectorError          the vector does not fit the generation
├── ItemChangesError        the store of item changes cannot be read or written
├── TooManyNewItemsError    the limit of new items until a rebuild is reached
├── EventsError             events are not accepted now; as far as is known, none of the batch was
│   ├── EventsUnavailableError
│   └── BacklogError
└── UnknownItemError        the item is unknown and the client requested an error instead of popular items
"""


class HybridRecsError(Exception):
    """Base class; the message can be shown to a user."""


class DatasetError(HybridRecsError):
    """The message names the file or column at fault and the existing ones."""


class GenerationError(HybridRecsError):
    """Base class of errors about generations."""


class NoGenerationError(GenerationError):
    """There is no such generation, or none is published yet."""


class CorruptGenerationError(GenerationError):
    """A file is missing, has another checksum or cannot be opened."""


class RebuildInProgressError(GenerationError):
    """Another process holds the writer's lock."""


class GateRefusedError(GenerationError):
    """The build missed at least one bound of the gate."""

    def __init__(self, generation: str, reasons: list[str]) -> None:
        self.generation = generation
        self.reasons = reasons
        super().__init__(f"generation {generation} was refused: {'; '.join(reasons)}")


class RedisServerError(HybridRecsError):
    """The message names the remedy."""


class CacheUnavailableError(HybridRecsError):
    """The cache is unreachable, or its circuit breaker is open."""


class ItemChangesError(HybridRecsError):
    """The message names the file and the remedy."""


class TooManyNewItemsError(HybridRecsError):
    """The limit of items that wait for a rebuild is reached."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"{limit} new or newly described items already wait for a rebuild, which is the limit "
            "(HYBRID_RECS_MAX_NEW_ITEMS); run make rebuild-index to include them in the index"
        )


class UnknownItemError(HybridRecsError):
    """The catalogue has no such item."""

    def __init__(self, item_id: str) -> None:
        self.item_id = item_id
        super().__init__(f"no item {item_id!r} in this catalogue")


class BadVectorError(HybridRecsError):
    """The vector has another length than the generation's, or no direction; the message says what is
    needed."""


class EventsError(HybridRecsError):
    """The same events can be sent again later: each counts once."""


class EventsUnavailableError(EventsError):
    """Redis did not accept the events, or did not confirm in time."""


class BacklogError(EventsError):
    """Too many events are waiting for a consumer."""
