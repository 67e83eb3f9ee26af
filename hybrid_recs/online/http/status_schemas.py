"""Models of what the page reads, as OpenAPI describes them."""

from typing import Any

from pydantic import Field

from hybrid_recs.health import State
from hybrid_recs.online.http.health_schemas import DependencyStatus
from hybrid_recs.online.http.schemas import ApiModel
from hybrid_recs.types import Source


class FoundItem(ApiModel):
    """An item in a result list."""

    item_id: str
    title: str | None
    categories: list[str]
    popularity: float = Field(
        description="number of interactions, or the sum of their weights if the data has weights"
    )
    available: bool = Field(
        description="false: never recommended, but recommendations for it may be requested"
    )


class FoundItems(ApiModel):
    """Items, best first; for requested ids in the order of the request, without unknown ones."""

    items: list[FoundItem]


class IndexFigures(ApiModel):
    """Measured figures of a generation's index."""

    kind: str
    recall: float = Field(description="of the ten nearest items, for tail items, measured by the build")
    milliseconds: float = Field(description="median time of one such search")


class GenerationStatus(ApiModel):
    """The serving generation. quality: the build's measurements by name."""

    id: str
    created: str
    dataset: str
    items: int
    with_vector: int
    hot_items: int
    hidden_items: int = Field(description="items hidden since the build, or replaced by new ones")
    new_items: int = Field(description="items added since the build")
    index: IndexFigures | None
    quality: dict[str, float]


class EventStatus(ApiModel):
    """Counts of the events accepted so far."""

    accepted: int
    applied: int
    set_aside: int
    waiting: int
    oldest_seconds: float = Field(description="age of the oldest waiting event")


class Status(ApiModel):
    """The current state of the service."""

    generation: GenerationStatus | None = Field(description="null before a generation is published")
    cache_available: bool = Field(description="whether neighbour lists are read from Redis")
    health: State = Field(description="up; degraded while a dependency of this worker is not up")
    dependencies: list[DependencyStatus] = Field(description="as the worker that answers sees them")
    workers: int
    served: dict[Source, int] = Field(
        description="requests by source since the start of the service, of all workers"
    )
    events: EventStatus | None = Field(description="null while Redis is unreachable")


EXAMPLE_FOUND: dict[str, Any] = {
    "items": [
        {
            "item_id": "85123A",
            "title": "WHITE HANGING HEART T-LIGHT HOLDER",
            "categories": [],
            "popularity": 2247.0,
            "available": True,
        }
    ]
}
