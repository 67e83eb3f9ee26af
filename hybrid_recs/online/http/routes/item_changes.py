"""Adds, changes and hides items between rebuilds."""

import asyncio
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Body, Path, Response

from hybrid_recs.items.item_change import ItemFields
from hybrid_recs.online.http import responses, schemas
from hybrid_recs.online.http.routes.common import (
    GUARDED,
    INVALID,
    NOT_READY,
    UNKNOWN,
    ItemId,
    example,
)
from hybrid_recs.online.http.state import State

_PATH = "/items/{item_id:id}"
_DURABILITY = (
    "On disk before the response, whether Redis is running or not; kept across restarts and rebuilds. The "
    "worker that responds applies it at once, the others within a second."
)
_CREATED: dict[int | str, dict[str, object]] = {
    201: {
        "model": schemas.ItemChanged,
        "description": "The item is new.",
        "content": {"application/json": {"example": schemas.EXAMPLE_CHANGED}},
    }
}

router = APIRouter()


async def _change(state: State, item_id: str, fields: ItemFields) -> Response:
    generation = state.require_generation()
    stored, is_new = await asyncio.to_thread(state.feed.put, generation, item_id, fields)
    await state.watcher.check_overlay()
    generation = state.require_generation()
    placed = state.feed.builder_of(generation).placement(item_id, generation.catalogue.row(item_id))
    result = schemas.ItemChanged(
        item_id=item_id, available=stored.available, placed=placed, generation=generation.id
    )
    return responses.json_response(result.model_dump(), 201 if is_new else 200)


@router.put(
    _PATH,
    summary="Add or change an item",
    description="The item is recommended at once, with the given vector or else one from its metadata. An "
    "item that was learned from interactions keeps its vector, title and categories until the next "
    "rebuild. Fields that are left out keep their values: a hidden item stays hidden until `available` is "
    f"true. {_DURABILITY}",
    response_class=Response,
    responses={
        **example("The item existed.", schemas.ItemChanged, schemas.EXAMPLE_CHANGED),
        **_CREATED,
        **GUARDED,
        **INVALID,
        **NOT_READY,
        **UNKNOWN,
    },
)
async def put_item(
    state: State,
    item_id: Annotated[ItemId, Path(examples=["LANTERN-7"])],
    change: Annotated[schemas.ItemChange, Body(openapi_examples=schemas.EXAMPLE_CHANGES)],
) -> Response:
    return await _change(state, item_id, _fields(change))


@router.delete(
    f"{_PATH}/edits",
    summary="Take the edits of an item back",
    description="Everything that `PUT` and `DELETE` did to the item: it is available again, an item that "
    "only edits had made is gone, and the next rebuild has title, text and categories as in the items table. "
    f"{_DURABILITY}",
    status_code=204,
    response_class=Response,
    responses={
        204: {"description": "The edits are gone."},
        **GUARDED,
        **INVALID,
        **NOT_READY,
        **UNKNOWN,
    },
)
async def take_edits_back(state: State, item_id: Annotated[ItemId, Path(examples=["85123A"])]) -> Response:
    await asyncio.to_thread(state.feed.take_back, state.require_generation(), item_id)
    await state.watcher.check_overlay()
    return Response(status_code=204)


@router.delete(
    _PATH,
    summary="Hide an item",
    description='The item is never recommended again. The same as `PUT` of `{"available": false}`, undone by '
    '`{"available": true}`. Recommendations for it may still be requested. Hiding it twice is not an error. '
    f"{_DURABILITY}",
    response_class=Response,
    responses={
        **example("The item is hidden.", schemas.ItemChanged, schemas.EXAMPLE_CHANGED | {"available": False}),
        **GUARDED,
        **INVALID,
        **NOT_READY,
        **UNKNOWN,
    },
)
async def hide_item(state: State, item_id: Annotated[ItemId, Path(examples=["85123A"])]) -> Response:
    return await _change(state, item_id, {"available": False})


def _fields(change: schemas.ItemChange) -> ItemFields:
    """The fields that the request has, and no others."""
    fields: ItemFields = {}
    given = change.model_fields_set
    if "title" in given:
        fields["title"] = change.title or None
    if "categories" in given:
        fields["categories"] = change.categories
    if "text" in given:
        fields["text"] = change.text or None
    if "vector" in given:
        fields["vector"] = None if change.vector is None else np.array(change.vector, np.float64)
    if "available" in given:
        fields["available"] = change.available
    return fields
