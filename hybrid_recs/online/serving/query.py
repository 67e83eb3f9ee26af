"""Models of recommendation requests: the body of `POST /recommendations`; GET parameters become the same."""

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from hybrid_recs.generation.category_index import CategoryFilter
from hybrid_recs.online.serving.limits import (
    DEFAULT_K,
    MAX_CATEGORIES,
    MAX_EXCLUDED,
    MAX_ITEMS,
    MAX_K,
    MAX_QUERIES,
    MAX_TEXT_LENGTH,
)
from hybrid_recs.types import MAX_ID_LENGTH

Id = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_LENGTH)]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT_LENGTH)]
Names = Annotated[list[Id], Field(max_length=MAX_CATEGORIES)]
OnUnknown = Literal["skip", "error", "popular"]


class _RequestPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WeightedItem(_RequestPart):
    """One item of a query; a negative weight requests items that are unlike it."""

    item_id: Id
    weight: float = Field(1.0, ge=-100, le=100, json_schema_extra={"not": {"const": 0}})

    @field_validator("weight")
    @classmethod
    def _not_zero(cls, weight: float) -> float:
        if weight == 0 or math.isnan(weight):
            raise ValueError("must be a number other than 0")
        return weight


class CategoryConditions(_RequestPart):
    """Only items in any of these categories, in all of those, in none of the others."""

    any: Names = []
    all: Names = []
    not_: Names = Field([], alias="not")

    def filter(self) -> CategoryFilter:
        return CategoryFilter(tuple(self.any), tuple(self.all), tuple(self.not_))


class DescribedItem(_RequestPart):
    """Metadata of an item that is not in the catalogue."""

    title: Text | None = None
    categories: Names = []
    text: Text | None = None


class RecommendationRequest(_RequestPart):
    """Any of items, session_id, user_id, vector, metadata; together they are one query.

    interests: categories that a new visitor chose; used while nothing else is known.
    """

    items: list[WeightedItem] = Field([], max_length=MAX_ITEMS)
    session_id: Id | None = None
    user_id: Id | None = None
    vector: list[Annotated[float, Field(allow_inf_nan=False)]] | None = Field(
        None, max_length=4_096, description="as many numbers as the generation's vectors have; of any norm"
    )
    metadata: DescribedItem | None = None
    interests: Names = []
    k: int = Field(DEFAULT_K, ge=1, le=MAX_K)
    exclude: list[Id] = Field([], max_length=MAX_EXCLUDED)
    categories: CategoryConditions = CategoryConditions.model_validate({})
    diversity: float = Field(
        0.0, ge=0, le=1, description="0: by score; 1: as different from each other as possible"
    )
    max_per_category: int | None = Field(None, ge=1)
    on_unknown: OnUnknown = Field(
        "skip",
        description="skip: unknown items are listed and ignored; error: a 404; popular: the same as skip",
    )

    @property
    def plain_item(self) -> str | None:
        """The item id, if the query is for one item and has no other condition."""
        if len(self.items) != 1 or self.items[0].weight <= 0:
            return None
        others = (self.session_id, self.user_id, self.vector, self.metadata)
        if any(other is not None for other in others) or self.is_varied or self.categories.filter():
            return None
        return self.items[0].item_id

    @property
    def is_varied(self) -> bool:
        """Whether the answer is more than the best by score."""
        return self.diversity > 0 or self.max_per_category is not None

    @property
    def kind(self) -> str:
        """The kind of query, as the impression log names it."""
        if self.user_id is not None:
            return "user"
        if self.session_id is not None:
            return "session"
        if self.items:
            return "basket" if len(self.items) > 1 else "item"
        return "vector" if self.vector is not None else "metadata" if self.metadata is not None else "popular"


class RecommendationBatch(_RequestPart):
    """Up to 1,000 requests."""

    queries: list[RecommendationRequest] = Field(min_length=1, max_length=MAX_QUERIES)


EXAMPLE_REQUESTS: dict[str, Any] = {
    "like two, unlike one": {
        "value": {
            "items": [
                {"item_id": "85123A"},
                {"item_id": "21733", "weight": 0.5},
                {"item_id": "22804", "weight": -0.5},
            ],
            "k": 5,
        }
    },
    "a visitor": {"value": {"session_id": "s-1f9", "k": 10, "exclude": ["85123A"]}},
    "something new": {
        "value": {
            "metadata": {"title": "Red heart lantern", "categories": ["candles"]},
            "categories": {"any": ["candles", "lights"], "not": ["sale"]},
            "diversity": 0.3,
            "max_per_category": 4,
        }
    },
    "a new visitor": {"value": {"interests": ["candles"], "k": 10}},
}
EXAMPLE_BATCH: dict[str, Any] = {
    "a user, an item, a new visitor": {
        "value": {
            "queries": [
                {"user_id": "17850"},
                {"items": [{"item_id": "85123A"}], "k": 5},
                {"interests": ["candles"]},
            ]
        }
    }
}
