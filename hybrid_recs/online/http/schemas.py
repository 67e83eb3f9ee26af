"""The shapes of requests' answers, as OpenAPI describes them."""

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StrictBool,
    StringConstraints,
    model_validator,
)

from hybrid_recs.items.item_change import Placement
from hybrid_recs.online.serving.limits import MAX_CATEGORIES, MAX_DIMENSIONS, MAX_TEXT_LENGTH
from hybrid_recs.types import MAX_ID_LENGTH, PublicReason, Source


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RecommendedItem(_Shape):
    """One neighbour."""

    item_id: str
    score: float = Field(description="comparable within one answer only")
    title: str | None


class Recommendations(_Shape):
    """Recommended items, best first."""

    item_id: str = Field("", description="of an answer about one item")
    recommendation_id: str = Field(
        description="to be sent with events that came of this answer; an answer about one item keeps it "
        "as long as it is the same, any other answer has its own"
    )
    generation: str
    source: Source
    fallback_reason: PublicReason | None = Field(description="why the rung above did not answer")
    unknown_items: list[str] = Field(description="ids of the question that nothing has")
    items: list[RecommendedItem]


class ManyRecommendations(_Shape):
    """An answer, or what was wrong, for every question in its order."""

    answers: list["Recommendations | ErrorBody"]


class ItemDetails(_Shape):
    """What is known of an item."""

    item_id: str
    title: str | None
    categories: list[str]
    popularity: float = Field(description="interactions, weighted where the data has weights")
    hot: bool = Field(description="whether its neighbour list is precomputed")
    available: bool = Field(description="false: never recommended, though it may be asked about")
    placed: Placement = Field(description="what gives it its place among the others")


_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_ID_LENGTH)]


class ItemChange(_Shape):
    """What is said of an item; what is left out stays as it was."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    title: str | None = Field(None, max_length=MAX_TEXT_LENGTH)
    categories: list[_Name] = Field([], max_length=MAX_CATEGORIES)
    text: str | None = Field(None, max_length=MAX_TEXT_LENGTH, description="a description, in words")
    vector: list[FiniteFloat] | None = Field(
        None,
        min_length=1,
        max_length=MAX_DIMENSIONS,
        description="the item's place in the space of the generation that serves, of its dimensions and "
        "any length but zero. It holds for that space only: after the next rebuild, which learns another, "
        "the item is placed by its metadata.",
    )
    available: StrictBool = Field(True, description="false hides the item, true shows it again")

    @model_validator(mode="after")
    def _says_something(self) -> "ItemChange":
        if not self.model_fields_set:
            raise ValueError("give at least one of title, categories, text, vector and available")
        return self


class ItemChanged(_Shape):
    """What became of a change of an item."""

    item_id: str
    available: bool
    placed: Placement = Field(
        description="by its vector, by its content (metadata), or by the interactions it was learned from, "
        "whose title and categories stay what they are until the next rebuild; not placed: known, and "
        "answered with popular items"
    )
    generation: str


class ExplainedItem(_Shape):
    """One of the two items of an explanation."""

    item_id: str
    title: str | None
    popularity: float
    has_vector: bool = Field(description="false: too few interactions, recommended as popular only")
    from_metadata: bool = Field(description="too few interactions: its vector is made of its metadata")
    hot: bool


class ScoreParts(_Shape):
    """score = near + covisit_part."""

    cosine: float
    tilt: float = Field(description="grows slowly with the popularity of b")
    near: float = Field(description="cosine · tilt")
    covisit_weight: float = Field(description="0 to 1; 0 when b is not among the co-visits of a")
    weight: float = Field(description="of co-visits in the score; the same for all items")
    covisit_part: float = Field(description="weight · covisit_weight")
    score: float = Field(description="as served, in half precision")


class ExplainedRanks(_Shape):
    """Exact places of b among all items that have a vector; 1 is best."""

    score: int
    near: int = Field(description="by cosine · tilt alone")
    ranked: int = Field(description="how many items are ranked")
    covisits: int | None = Field(description="among the co-visits of a; null when b is not one")
    listed_covisits: int = Field(description="how many co-visits of a are kept")


class Explanation(_Shape):
    """Why b is, or is not, among the best k of a."""

    generation: str
    k: int
    a: ExplainedItem
    b: ExplainedItem
    source: Source = Field(description="the rung that answers for a while the cache is in reach")
    in_list: bool
    place: int | None = Field(description="of b in the k that are served")
    precomputed_place: int | None = Field(description="of b in the precomputed list of a")
    precomputed_length: int | None = Field(description="null when a is not hot")
    parts: ScoreParts | None = Field(description="null for an item itself, and where either has no vector")
    ranks: ExplainedRanks | None = Field(description="null where parts is")
    verdict: str = Field(description="all of it in one sentence")


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
    "recommendation_id": "live-5f0c4e1a9b7d2c33",
    "generation": "20261123T020817706071Z",
    "source": "live",
    "fallback_reason": "cache_unavailable",
    "unknown_items": [],
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
    "available": True,
    "placed": "interactions",
}
EXAMPLE_CHANGES: dict[str, Any] = {
    "a new item by its metadata": {
        "value": {
            "title": "RED ENAMEL LANTERN",
            "categories": ["candles", "garden"],
            "text": "A lantern of red enamel for a tea light, to stand or hang.",
        }
    },
    "a new item by a vector (as long as the generation's)": {"value": {"vector": [0.12, -0.5, 0.31]}},
    "hide an item": {"value": {"available": False}},
    "show it again": {"value": {"available": True}},
}
EXAMPLE_CHANGED: dict[str, Any] = {
    "item_id": "LANTERN-7",
    "available": True,
    "placed": "content",
    "generation": "20261123T020817706071Z",
}
EXAMPLE_EXPLANATION: dict[str, Any] = {
    "generation": "20261123T020817706071Z",
    "k": 10,
    "a": {
        "item_id": "85123A",
        "title": "WHITE HANGING HEART T-LIGHT HOLDER",
        "popularity": 2265.0,
        "has_vector": True,
        "from_metadata": False,
        "hot": True,
    },
    "b": {
        "item_id": "21733",
        "title": "RED HANGING HEART T-LIGHT HOLDER",
        "popularity": 760.0,
        "has_vector": True,
        "from_metadata": False,
        "hot": True,
    },
    "source": "cache",
    "in_list": True,
    "place": 1,
    "precomputed_place": 1,
    "precomputed_length": 100,
    "parts": {
        "cosine": 0.6451,
        "tilt": 1.3568,
        "near": 0.8752,
        "covisit_weight": 1.0,
        "weight": 10.0,
        "covisit_part": 10.0,
        "score": 10.875,
    },
    "ranks": {"score": 1, "near": 7, "ranked": 3917, "covisits": 1, "listed_covisits": 50},
    "verdict": "21733 is 1st in 85123A's list: mostly because they co-occur (co-visit part 10 of 10.9).",
}
