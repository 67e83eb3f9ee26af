"""The response of a FastAPI comparator: that of hybrid-recs without the reason of a fallback."""

from pydantic import BaseModel


class RecommendedItem(BaseModel):
    item_id: str
    score: float
    title: str | None


class Recommendations(BaseModel):
    item_id: str
    generation: str
    source: str
    items: list[RecommendedItem]
