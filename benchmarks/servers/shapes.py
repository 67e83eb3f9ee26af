"""The answer of a FastAPI comparator: as hybrid-recs answers, but for the reason of a fallback."""

from pydantic import BaseModel


class RecommendedItem(BaseModel):
    """One neighbour."""

    item_id: str
    score: float
    title: str | None


class Recommendations(BaseModel):
    """The answer."""

    item_id: str
    generation: str
    source: str
    items: list[RecommendedItem]
