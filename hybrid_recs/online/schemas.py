"""The shapes of requests' answers, as OpenAPI describes them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hybrid_recs.types import Reason, Source


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RecommendedItem(_Shape):
    """One neighbour."""

    item_id: str
    score: float = Field(description="comparable within one answer only")
    title: str | None


class Recommendations(_Shape):
    """Neighbours of an item, best first."""

    item_id: str
    generation: str
    source: Source
    fallback_reason: Reason | None = Field(description="why the rung above did not answer")
    items: list[RecommendedItem]


class ItemDetails(_Shape):
    """What is known of an item."""

    item_id: str
    title: str | None
    categories: list[str]
    popularity: float = Field(description="interactions, weighted where the data has weights")
    hot: bool = Field(description="whether its neighbour list is precomputed")


class Health(_Shape):
    """The process lives."""

    status: str


class Readiness(_Shape):
    """A generation is loaded."""

    status: str
    generation: str
    cache: str = Field(description="available or unavailable; the service answers either way")


class Problem(_Shape):
    """What was wrong with a request."""

    code: str
    message: str
    parameter: str | None = None


class ErrorBody(_Shape):
    """The one shape of every error."""

    error: Problem


EXAMPLE_ANSWER: dict[str, Any] = {
    "item_id": "85123A",
    "generation": "20261123T020817706071Z",
    "source": "live",
    "fallback_reason": "cache_unavailable",
    "items": [
        {"item_id": "21733", "score": 10.8828, "title": "RED HANGING HEART T-LIGHT HOLDER"},
        {"item_id": "22804", "score": 5.5117, "title": "CANDLEHOLDER PINK HANGING HEART"},
    ],
}
EXAMPLE_ITEM: dict[str, Any] = {
    "item_id": "85123A",
    "title": "WHITE HANGING HEART T-LIGHT HOLDER",
    "categories": [],
    "popularity": 2247.0,
    "hot": True,
}
