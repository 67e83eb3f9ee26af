"""New, changed and hidden items, from one second to the next."""

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

_PATH = "/items/{item_id:path}"
_KEPT = (
    "On disk before the answer, whether Redis runs or not; kept across restarts and rebuilds. The worker "
    "that answers knows it at once, the others within a second."
)
_CREATED: dict[int | str, dict[str, object]] = {
    201: {
        "model": schemas.ItemChanged,
        "description": "The item was unknown.",
        "content": {"application/json": {"example": schemas.EXAMPLE_CHANGED}},
    }
}

router = APIRouter()


async def _change(state: State, item_id: str, fields: ItemFields) -> Response:
    generation = state.require_generation()
    changed, unknown = await asyncio.to_thread(state.feed.put, generation, item_id, fields)
    await state.watcher.check_overlay()
    generation = state.require_generation()
    placed = state.feed.builder_of(generation).placed(item_id, generation.catalogue.row(item_id))
    said = schemas.ItemChanged(
        item_id=item_id, available=changed.available, placed=placed, generation=generation.id
    )
    return responses.json_response(said.model_dump(), 201 if unknown else 200)


@router.put(
    _PATH,
    summary="A new item, or what is new about one",
    description="Placed among the others at once: by its vector if one is given, else by its metadata. "
    "An item that was learned from interactions stays where it is, and is called what it was, until the "
    "next rebuild. What is left out stays as it was: a hidden item is hidden until `available` is true. "
    f"{_KEPT}",
    response_class=Response,
    responses={
        **example("The item was known.", schemas.ItemChanged, schemas.EXAMPLE_CHANGED),
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
    said: Annotated[schemas.ItemChange, Body(openapi_examples=schemas.EXAMPLE_CHANGES)],
) -> Response:
    return await _change(state, item_id, _fields(said))


@router.delete(
    _PATH,
    summary="Never recommend an item again",
    description='The same as `PUT` of `{"available": false}`, undone by `{"available": true}`. It may '
    f"still be asked about. To hide it twice is no error. {_KEPT}",
    response_class=Response,
    responses={
        **example("It is hidden.", schemas.ItemChanged, schemas.EXAMPLE_CHANGED | {"available": False}),
        **GUARDED,
        **INVALID,
        **NOT_READY,
        **UNKNOWN,
    },
)
async def hide_item(state: State, item_id: Annotated[ItemId, Path(examples=["85123A"])]) -> Response:
    return await _change(state, item_id, {"available": False})


def _fields(said: schemas.ItemChange) -> ItemFields:
    """What was given, and nothing that was not."""
    fields: ItemFields = {}
    given = said.model_fields_set
    if "title" in given:
        fields["title"] = said.title or None
    if "categories" in given:
        fields["categories"] = said.categories
    if "text" in given:
        fields["text"] = said.text or None
    if "vector" in given:
        fields["vector"] = None if said.vector is None else np.array(said.vector, np.float64)
    if "available" in given:
        fields["available"] = said.available
    return fields
