"""One item, and why it is in another item's list."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from hybrid_recs.errors import UnknownItemError
from hybrid_recs.online.http import responses, schemas
from hybrid_recs.online.http.routes.common import INVALID, NOT_READY, UNKNOWN, ItemId, example
from hybrid_recs.online.http.state import State
from hybrid_recs.online.serving.limits import DEFAULT_K, MAX_K
from hybrid_recs.ranking.explain import explain, known_row

router = APIRouter()
# Routes with a longer path come first: `{item_id:id}` would match them too.


@router.get(
    "/items/{a:id}/explain/{b:id}",
    summary="Explain why an item is, or is not, in another item's list",
    description="The same as `hybrid-recs explain A B`. Ids may contain slashes, plain or as %2F. A `b` that "
    "begins with explain/ or contains /explain/ is ambiguous in a path: use the command. Takes time in "
    "proportion to the size of the catalogue: for people, not for every page view.",
    response_class=Response,
    responses={
        **example("The parts of the score.", schemas.Explanation, schemas.EXAMPLE_EXPLANATION),
        **INVALID,
        **NOT_READY,
        **UNKNOWN,
    },
)
async def explain_pair(
    state: State,
    a: Annotated[ItemId, Path(examples=["85123A"], description="the item whose list is explained")],
    b: Annotated[ItemId, Path(examples=["21733"], description="the item that is, or is not, in the list")],
    k: Annotated[int, Query(ge=1, le=MAX_K, description="length of the list")] = DEFAULT_K,
) -> Response:
    generation, rows = state.require_generation(), {}
    for parameter, item_id in (("a", a), ("b", b)):
        try:
            rows[parameter] = known_row(generation, item_id)
        except UnknownItemError as error:
            return responses.error_response(404, "unknown_item", str(error), parameter)
    return responses.json_response(await asyncio.to_thread(explain, generation, rows["a"], rows["b"], k))


@router.get(
    "/items/{item_id:id}",
    summary="Get an item",
    response_class=Response,
    responses={
        **example("The item.", schemas.ItemDetails, schemas.EXAMPLE_ITEM),
        **INVALID,
        **NOT_READY,
        **UNKNOWN,
    },
)
async def item(state: State, item_id: Annotated[ItemId, Path(examples=["85123A"])]) -> Response:
    generation = state.require_generation()
    builder, row = state.feed.builder_of(generation), generation.catalogue.row(item_id)
    new = builder.new.get(item_id)
    if new is None:
        row = known_row(generation, item_id)
    built = generation.catalogue.item(row) if row is not None else None
    current = new or built
    assert current is not None
    variant = generation.catalogue.variant(item_id)
    return responses.json_response(
        schemas.ItemDetails(
            item_id=item_id,
            title=variant.title if variant else current.title,
            categories=list(current.categories),
            popularity=built.popularity if built else 0.0,
            hot=new is None and row is not None and row in generation.hot,
            available=builder.is_available(item_id),
            placed=builder.placement(item_id, row),
            listed_as=builder.listed_as(item_id),
        ).model_dump()
    )
