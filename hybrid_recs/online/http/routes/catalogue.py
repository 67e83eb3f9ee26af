"""Items by a piece of their title, or many by their ids."""

import asyncio
import time
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query, Response

from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.title_index import words_of
from hybrid_recs.items.overlay_builder import OverlayBuilder
from hybrid_recs.online.http import responses, status_schemas
from hybrid_recs.online.http.routes.common import INVALID, NOT_READY, ItemId, example
from hybrid_recs.online.http.state import State
from hybrid_recs.online.serving.limits import DEFAULT_K, MAX_ITEMS, MAX_K
from hybrid_recs.types import MAX_ID_LENGTH, Json

router = APIRouter()


@router.get(
    "/items",
    summary="Find items by a piece of their title",
    description="An item is found when every word of `q` is part of a word of its title, whatever the "
    "case and accents; where all of them begin a word first, then by popularity. An id of an item that "
    "is exactly `q` comes before all. With `item_id` instead: those items.",
    response_class=Response,
    responses={
        **example("The items.", status_schemas.FoundItems, status_schemas.EXAMPLE_FOUND),
        **INVALID,
        **NOT_READY,
    },
)
async def find_items(
    state: State,
    q: Annotated[str, Query(max_length=MAX_ID_LENGTH, description="a piece of a title, or an id")] = "",
    item_id: Annotated[
        list[ItemId], Query(max_length=MAX_ITEMS, description="repeat it for several items")
    ] = [],  # noqa: B006  FastAPI copies it
    k: Annotated[int, Query(ge=1, le=MAX_K, description="how many to find at most")] = DEFAULT_K,
) -> Response:
    generation = state.require_generation()
    builder = state.feed.builder_of(generation)
    started = time.perf_counter()
    if item_id:
        found = _known(generation, builder, item_id)
    else:
        found = await asyncio.to_thread(_found, generation, builder, q, k)
    took = (time.perf_counter() - started) * 1_000
    return responses.json_response({"items": found}, headers={"Server-Timing": f"find;dur={took:.3f}"})


def _found(generation: Generation, builder: OverlayBuilder, query: str, count: int) -> list[Json]:
    """The item of that id, new items, then the generation's: the new have no popularity to go by."""
    catalogue = generation.catalogue
    new = _new(builder, words_of(query))
    # What is new may stand for a row that is found as well.
    rows = catalogue.titles.find(query, count + len(builder.new))
    ids = [query.strip(), *new, *(catalogue.item_id(row) for row in rows.tolist())]
    return _known(generation, builder, ids)[:count]


def _new(builder: OverlayBuilder, pieces: list[str]) -> Iterable[str]:
    """New items with every piece in their titles."""
    for item in builder.new.values() if pieces else ():
        words = words_of(item.title or "")
        if all(any(piece in word for word in words) for piece in pieces):
            yield item.item_id


def _known(generation: Generation, builder: OverlayBuilder, ids: Iterable[str]) -> list[Json]:
    """What is known of each, once; nothing of those that nothing has."""
    known = (_item(generation, builder, item_id) for item_id in dict.fromkeys(ids))
    return [item for item in known if item is not None]


def _item(generation: Generation, builder: OverlayBuilder, item_id: str) -> Json | None:
    row, new = generation.catalogue.row(item_id), builder.new.get(item_id)
    known = None if row is None else generation.catalogue.item(row)
    told = new or known
    if told is None:
        return None
    return {
        "item_id": item_id,
        "title": told.title,
        "categories": list(told.categories),
        "popularity": known.popularity if known else 0.0,
        "available": builder.available(item_id),
    }
