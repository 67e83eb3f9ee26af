"""What visitors meet most."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response

from hybrid_recs.online.http import event_schemas, responses, schemas
from hybrid_recs.online.http.routes.common import INVALID, ItemId, Responses, example
from hybrid_recs.online.http.state import State
from hybrid_recs.online.serving.limits import DEFAULT_K, MAX_K
from hybrid_recs.online.visitors.trending_reader import Window

_UNAVAILABLE: Responses = {
    503: {"model": schemas.ErrorBody, "description": "No generation yet, or Redis has been away for minutes."}
}

router = APIRouter()


@router.get(
    "/trending",
    summary="What visitors meet most lately",
    description="From events, as consumers count them: up to k items, fewer where fewer were met. An "
    "event weighs half after 20 minutes, 8 hours or 2 days, and nothing once it is out of the window.",
    response_class=Response,
    responses={
        **example("Most met first.", event_schemas.TrendingList, event_schemas.EXAMPLE_TRENDING),
        **INVALID,
        **_UNAVAILABLE,
    },
)
async def trending(
    state: State,
    window: Annotated[Window, Query(description="how far back")] = "day",
    category: Annotated[ItemId | None, Query(description="exactly as in the catalogue")] = None,
    k: Annotated[int, Query(ge=1, le=MAX_K, description="how many items at most")] = DEFAULT_K,
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
