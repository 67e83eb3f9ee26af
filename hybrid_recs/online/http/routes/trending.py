"""The items with the most events."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response

from hybrid_recs.online.http import event_schemas, responses, schemas
from hybrid_recs.online.http.routes.common import INVALID, ItemId, Responses, example
from hybrid_recs.online.http.state import State
from hybrid_recs.online.serving.limits import DEFAULT_K, MAX_K
from hybrid_recs.online.visitors.trending_reader import Window

_UNAVAILABLE: Responses = {
    503: {
        "model": schemas.ErrorBody,
        "description": "No generation yet, or Redis has been unreachable for minutes.",
    }
}

router = APIRouter()


@router.get(
    "/trending",
    summary="Trending items",
    description="The items with the most events, as consumers count them: up to k items, fewer if fewer had "
    "events. An event counts half after 20 minutes, 8 hours or 2 days (by window), and not at all when it is "
    "older than the window.",
    response_class=Response,
    responses={
        **example("Highest count first.", event_schemas.TrendingList, event_schemas.EXAMPLE_TRENDING),
        **INVALID,
        **_UNAVAILABLE,
    },
)
async def trending(
    state: State,
    window: Annotated[Window, Query(description="length of the window")] = "day",
    category: Annotated[
        ItemId | None, Query(description="only items in this category, spelled as in the catalogue")
    ] = None,
    k: Annotated[int, Query(ge=1, le=MAX_K, description="maximum number of items")] = DEFAULT_K,
) -> Response:
    snapshot = state.items.require_snapshot()
    trending_items = await state.trending.snapshot(window, snapshot.items)
    rows, counts = trending_items.of_category(category, k)
    return responses.json_response(
        {
            "window": window,
            "generation": snapshot.generation.id,
            "category": category,
            "items": orjson.Fragment(snapshot.renderer.item_list(rows, counts)),
        }
    )
