"""Finds items by a part of their title, or several by their ids."""

import asyncio
import time
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query, Response

from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.title_index import search_tokens
from hybrid_recs.items.overlay_builder import OverlayBuilder
from hybrid_recs.online.http import responses, status_schemas
from hybrid_recs.online.http.routes.common import INVALID, NOT_READY, ItemId, example
from hybrid_recs.online.http.state import State
from hybrid_recs.online.serving.limits import DEFAULT_K, MAX_ITEMS, MAX_K
from hybrid_recs.types import MAX_ID_LENGTH, Json

router = APIRouter()


@router.get(
    "/items",
    summary="Find items by a part of their title",
    description="Finds items with every word of `q` in a word of the title, ignoring case and accents. "
    "Items in which all of them begin a word come first, then the most popular ones. An item whose id is "
    "`q` comes before all others. With `item_id` instead of `q`: those items.",
    response_class=Response,
    responses={
        **example("The items.", status_schemas.FoundItems, status_schemas.EXAMPLE_FOUND),
        **INVALID,
        **NOT_READY,
    },
)
async def find_items(
    state: State,
    q: Annotated[str, Query(max_length=MAX_ID_LENGTH, description="a part of a title, or an id")] = "",
    item_id: Annotated[
        list[ItemId], Query(max_length=MAX_ITEMS, description="repeat it for several items")
    ] = [],  # noqa: B006  FastAPI copies it
    k: Annotated[int, Query(ge=1, le=MAX_K, description="maximum number of items")] = DEFAULT_K,
) -> Response:
    generation = state.require_generation()
    builder = state.feed.builder_of(generation)
    started = time.perf_counter()
    if item_id:
        items = _items(generation, builder, item_id)
    else:
        items = await asyncio.to_thread(_find, generation, builder, q, k)
    milliseconds = (time.perf_counter() - started) * 1_000
    headers = {"Server-Timing": f"find;dur={milliseconds:.3f}"}
    return responses.json_response({"items": items}, headers=headers)


def _find(generation: Generation, builder: OverlayBuilder, query: str, count: int) -> list[Json]:
    """The item with that id, then new items, which have no popularity, then the generation's items."""
    catalogue = generation.catalogue
    new = _find_new(builder, search_tokens(query))
    # A new item may replace a row that is found as well: the list gets shorter by it.
    rows = catalogue.titles.find(query, count + len(builder.new))
    ids = [query.strip(), *new, *(catalogue.item_id(row) for row in rows.tolist())]
    return _items(generation, builder, ids)[:count]


def _find_new(builder: OverlayBuilder, parts: list[str]) -> Iterable[str]:
    """Ids of new items whose titles have every part in a word."""
    for item in builder.new.values() if parts else ():
        words = search_tokens(item.title or "")
        if all(any(part in word for word in words) for part in parts):
            yield item.item_id


def _items(generation: Generation, builder: OverlayBuilder, ids: Iterable[str]) -> list[Json]:
    """The items of distinct ids, without unknown ones."""
    items = (_item(generation, builder, item_id) for item_id in dict.fromkeys(ids))
    return [item for item in items if item is not None]


def _item(generation: Generation, builder: OverlayBuilder, item_id: str) -> Json | None:
    row, new = generation.catalogue.row(item_id), builder.new.get(item_id)
    built = None if row is None else generation.catalogue.item(row)
    current = new or built
    if current is None:
        return None
    variant = generation.catalogue.variant(item_id)
    return {
        "item_id": item_id,
        "title": variant.title if variant else current.title,
        "categories": list(current.categories),
        "popularity": built.popularity if built else 0.0,
        "available": builder.is_available(item_id),
    }
