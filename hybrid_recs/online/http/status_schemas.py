"""The shapes of what the page asks for, as OpenAPI describes them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hybrid_recs.types import Source


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FoundItem(_Shape):
    """An item in brief."""

    item_id: str
    title: str | None
    categories: list[str]
    popularity: float = Field(description="interactions, weighted where the data has weights")
    available: bool = Field(description="false: never recommended, though it may be asked about")


class FoundItems(_Shape):
    """Items, best first; for ids in the order they were asked for, without those that nothing has."""

    items: list[FoundItem]


class IndexFigures(_Shape):
    """How a generation's index searches."""

    kind: str
    recall: float = Field(description="of the ten nearest, on tail items, measured at the build")
    milliseconds: float = Field(description="of one such search, the median")


class GenerationStatus(_Shape):
    """The generation in service; quality: what the build measured, by name."""

    id: str
    created: str
    dataset: str
    items: int
    with_vector: int
    hot_items: int
    hidden_items: int = Field(description="taken out since the build, or shown as new")
    new_items: int = Field(description="described since the build")
    index: IndexFigures | None
    quality: dict[str, float]


class EventStatus(_Shape):
    """What became of the events accepted so far."""

    accepted: int
    applied: int
    set_aside: int
    waiting: int
    oldest_seconds: float = Field(description="how long the oldest of those that wait has waited")


class Status(_Shape):
    """The service as it is now."""

    generation: GenerationStatus | None = Field(description="null before one is published")
    cache_available: bool = Field(description="whether Redis answers")
    workers: int
    served: dict[Source, int] = Field(description="item requests since the service began, all workers'")
    events: EventStatus | None = Field(description="null while Redis does not say")


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
