"""Models of request and response bodies, as OpenAPI describes them."""

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


class ApiModel(BaseModel):
    """Base of all bodies: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class RecommendedItem(ApiModel):
    """One item of a list."""

    item_id: str
    score: float = Field(description="comparable within one answer only")
    title: str | None


class Recommendations(ApiModel):
    """Recommended items, best first."""

    item_id: str = Field("", description="only in the answer for one item")
    recommendation_id: str = Field(
        description="send it with the events that this answer led to. Equal answers for one item have the "
        "same id; every other answer has an id of its own"
    )
    generation: str
    source: Source
    fallback_reason: PublicReason | None = Field(description="why the tier above did not answer")
    unknown_items: list[str] = Field(description="item ids of the request that do not exist")
    items: list[RecommendedItem]


class ManyRecommendations(ApiModel):
    """An answer or an error for every query, in the order of the queries."""

    answers: list["Recommendations | ErrorBody"]


class ItemDetails(ApiModel):
    """An item."""

    item_id: str
    title: str | None
    categories: list[str]
    popularity: float = Field(
        description="number of interactions, or the sum of their weights if the data has weights"
    )
    hot: bool = Field(description="whether its neighbour list is precomputed")
    available: bool = Field(
        description="false: never recommended, but recommendations for it may be requested"
    )
    placed: Placement = Field(description="where its vector comes from")
    listed_as: str | None = Field(
        None, description="the variant of the same product that lists show instead of it; null without one"
    )


_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_ID_LENGTH)]


class ItemChange(ApiModel):
    """Changes of an item; fields that are left out keep their values."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    title: str | None = Field(None, max_length=MAX_TEXT_LENGTH)
    categories: list[_Name] = Field([], max_length=MAX_CATEGORIES)
    text: str | None = Field(
        None, max_length=MAX_TEXT_LENGTH, description="a description in natural language"
    )
    vector: list[FiniteFloat] | None = Field(
        None,
        min_length=1,
        max_length=MAX_DIMENSIONS,
        description="the item's vector in the vector space of the serving generation: as many numbers as "
        "its dimensions, any norm but zero. Valid for that generation only: the next rebuild learns another "
        "space, and places the item by its metadata.",
    )
    available: StrictBool = Field(True, description="false hides the item, true shows it again")

    @model_validator(mode="after")
    def _has_a_field(self) -> "ItemChange":
        if not self.model_fields_set:
            raise ValueError("give at least one of title, categories, text, vector and available")
        return self


class ItemChanged(ApiModel):
    """The item after a change."""

    item_id: str
    available: bool
    placed: Placement = Field(
        description="where the item's vector comes from: given (`vector`), its metadata (`content`) or the "
        "interactions it was learned from, in which case its title and categories change with the next "
        "rebuild. Without a vector the item is known, and requests for it get popular items."
    )
    generation: str


class ExplainedItem(ApiModel):
    """One of the two items of an explanation."""

    item_id: str
    title: str | None
    popularity: float
    has_vector: bool = Field(description="false: too few interactions; recommended as a popular item only")
    from_metadata: bool = Field(description="true: too few interactions; its vector comes from its metadata")
    hot: bool


class ScoreParts(ApiModel):
    """score = near + covisit_part."""

    cosine: float
    tilt: float = Field(description="popularity boost: grows slowly with the popularity of b")
    near: float = Field(description="cosine · tilt")
    covisit_weight: float = Field(description="0 to 1; 0 when b is not among the co-visits of a")
    weight: float = Field(description="of co-visits in the score; the same for all items")
    covisit_part: float = Field(description="weight · covisit_weight")
    score: float = Field(description="in half precision, as it is served")


class ExplainedRanks(ApiModel):
    """Exact ranks of b among all items that have a vector; 1 is best."""

    score: int
    near: int = Field(description="by cosine · tilt alone")
    ranked: int = Field(description="number of ranked items")
    covisits: int | None = Field(description="rank among the co-visits of a; null if b is not one")
    listed_covisits: int = Field(description="number of co-visits of a that are kept")


class Explanation(ApiModel):
    """Why b is, or is not, among the best k of a."""

    generation: str
    k: int
    a: ExplainedItem
    b: ExplainedItem
    source: Source = Field(description="the tier that answers for a while Redis is reachable")
    in_list: bool
    place: int | None = Field(description="rank of b among the k served items")
    precomputed_place: int | None = Field(description="rank of b in the precomputed list of a")
    precomputed_length: int | None = Field(description="null if a is not hot")
    parts: ScoreParts | None = Field(description="null if a is b, and if one of them has no vector")
    ranks: ExplainedRanks | None = Field(description="null if parts is null")
    verdict: str = Field(description="a summary in one sentence")


class Health(ApiModel):
    """The process is alive."""

    status: str


class Problem(ApiModel):
    """Why a request failed."""

    code: str
    message: str
    parameter: str | None = None


class ErrorBody(ApiModel):
    """The body of every error."""

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
    "listed_as": None,
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
