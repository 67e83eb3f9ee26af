"""Models of events, receipts, trending items and session streams, as OpenAPI describes them."""

from typing import Any

from pydantic import Field

from hybrid_recs.events.event import MAX_EVENTS, TYPE_PATTERN
from hybrid_recs.online.http.schemas import ApiModel, RecommendedItem
from hybrid_recs.types import MAX_ID_LENGTH


class RejectedEvent(ApiModel):
    """An event that was not accepted."""

    index: int = Field(description="position in the batch, from 0")
    event_id: str | None
    code: str
    message: str


class EventsReceipt(ApiModel):
    """The result of a batch; the three add up to the number of its events."""

    accepted: int
    duplicates: int = Field(description="accepted before, or sent twice in this batch")
    rejected: list[RejectedEvent]


class TrendingList(ApiModel):
    """The items with the most events. Scores are event counts in which older events weigh less."""

    window: str
    generation: str
    category: str | None
    items: list[RecommendedItem]


_ID = {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH}
_EVENT: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["event_id", "type", "item_id"],
    "anyOf": [{"required": ["session_id"]}, {"required": ["user_id"]}],
    "properties": {
        "event_id": {**_ID, "description": "chosen by the sender; an event with the same id counts once"},
        "type": {"type": "string", "pattern": TYPE_PATTERN, "description": "such as view, cart or purchase"},
        "item_id": _ID,
        "session_id": {**_ID, "description": "session_id, user_id or both are required"},
        "user_id": _ID,
        "time": {
            "oneOf": [{"type": "number", "minimum": 0}, {"type": "string", "format": "date-time"}],
            "description": "Unix seconds or an ISO 8601 string; default: the time of arrival",
        },
        "recommendation_id": {**_ID, "description": "of the answer that led to the event"},
    },
}
_EVENTS: dict[str, Any] = {"type": "array", "maxItems": MAX_EVENTS, "items": _EVENT}
BATCH: dict[str, Any] = {
    "oneOf": [
        _EVENT,
        _EVENTS,
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["events"],
            "properties": {"events": _EVENTS},
        },
    ]
}
_VIEW = {"event_id": "5f0c-1", "type": "view", "session_id": "s-81", "item_id": "85123A"}
EXAMPLE_BATCHES: dict[str, Any] = {
    "one": {"summary": "a visitor looks at a product", "value": _VIEW},
    "several": {
        "summary": "a known user buys what was recommended",
        "value": [
            {**_VIEW, "user_id": "17850", "time": "2026-11-23T10:15:30Z"},
            {
                "event_id": "5f0c-2",
                "type": "purchase",
                "user_id": "17850",
                "item_id": "21733",
                "time": 1795428990.5,
                "recommendation_id": "r-20",
            },
        ],
    },
}
EXAMPLE_RECEIPT: dict[str, Any] = {
    "accepted": 1,
    "duplicates": 1,
    "rejected": [{"index": 2, "event_id": "5f0c-3", "code": "missing_field", "message": "item_id: missing"}],
}
EXAMPLE_TRENDING: dict[str, Any] = {
    "window": "day",
    "generation": "20261123T020817706071Z",
    "category": None,
    "items": [{"item_id": "85123A", "score": 41.6, "title": "WHITE HANGING HEART T-LIGHT HOLDER"}],
}
EXAMPLE_STREAM = (
    "retry: 1000\n\nevent: recommendations\nid: 1795428990500-0\n"
    'data: {"session_id":"s-81","recommendation_id":"live-5f0c4e1a9b7d2c33",'
    '"generation":"20261123T020817706071Z","source":"live","fallback_reason":null,"unknown_items":[],'
    '"items":[{"item_id":"21733","score":10.8828,'
    '"title":"RED HANGING HEART T-LIGHT HOLDER"}]}\n\n: still here\n\n'
)
