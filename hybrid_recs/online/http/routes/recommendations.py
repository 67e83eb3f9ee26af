"""Recommendations for items, sessions, users, vectors, descriptions and new visitors."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from hybrid_recs.online.http import responses, schemas
from hybrid_recs.online.http.routes.common import INVALID, NOT_READY, UNKNOWN, ItemId, example
from hybrid_recs.online.http.state import State
from hybrid_recs.online.serving.limits import (
    DEFAULT_K,
    MAX_CATEGORIES,
    MAX_EXCLUDED,
    MAX_ITEMS,
    MAX_K,
    RECOMMENDATIONS,
)
from hybrid_recs.online.serving.query import (
    EXAMPLE_BATCH,
    EXAMPLE_REQUESTS,
    CategoryConditions,
    OnUnknown,
    RecommendationBatch,
    RecommendationRequest,
    WeightedItem,
)

_ANSWER = {
    **example(
        "Exactly k items, or all eligible ones if there are fewer.",
        schemas.Recommendations,
        schemas.EXAMPLE_ANSWER,
    ),
    **INVALID,
    **NOT_READY,
    **UNKNOWN,
}

router = APIRouter()


@router.get(
    RECOMMENDATIONS,
    summary="Recommendations for an item, a basket, a session, a user or a new visitor",
    description="Popular items without any of these. `POST /recommendations` takes more kinds of queries.",
    response_class=Response,
    responses=_ANSWER,
)
async def recommendations(
    state: State,
    item_id: Annotated[
        list[ItemId],
        Query(max_length=MAX_ITEMS, description="repeat it for a basket", examples=[["85123A"]]),
    ] = [],  # noqa: B006  FastAPI copies it
    session_id: Annotated[
        ItemId | None, Query(description="items that fit the session's latest events")
    ] = None,
    user_id: Annotated[
        ItemId | None, Query(description="the user's stored list, or items that fit the events since")
    ] = None,
    interests: Annotated[
        list[ItemId],
        Query(max_length=MAX_CATEGORIES, description="categories that a new visitor chose; repeatable"),
    ] = [],  # noqa: B006
    category: Annotated[
        list[ItemId],
        Query(max_length=MAX_CATEGORIES, description="only items in any of these categories; repeatable"),
    ] = [],  # noqa: B006
    k: Annotated[int, Query(ge=1, le=MAX_K, description="number of items")] = DEFAULT_K,
    exclude: Annotated[
        list[ItemId], Query(max_length=MAX_EXCLUDED, description="ids to leave out; repeatable")
    ] = [],  # noqa: B006
    on_unknown: Annotated[
        OnUnknown,
        Query(description="skip: unknown items are ignored; error: a 404; popular: the same as skip"),
    ] = "skip",
) -> Response:
    request = RecommendationRequest(
        items=[WeightedItem(item_id=id_) for id_ in item_id],
        session_id=session_id,
        user_id=user_id,
        interests=interests,
        categories=CategoryConditions(any=category),
        k=k,
        exclude=exclude,
        on_unknown=on_unknown,
    )
    plain_item = None if exclude else request.plain_item
    local = state.items.local_answer(plain_item, k) if plain_item is not None else None
    return responses.recommendations(local or await state.queries.answer(request))


@router.post(
    RECOMMENDATIONS,
    summary="Recommendations for any query",
    description="Items with weights, which may be negative, a session, a user, a vector, the metadata of an "
    "item that is not in the catalogue, or several of these; with exclusions, category filters and "
    "diversity. Filters apply before the list is cut to k. If nothing in the query is known, the answer is "
    "popular items of the categories in `any` and `all`, or of the interests, followed by others that `not` "
    "allows.",
    response_class=Response,
    responses=_ANSWER,
)
async def recommend(
    state: State,
    request: Annotated[RecommendationRequest, Body(openapi_examples=EXAMPLE_REQUESTS)],
) -> Response:
    return responses.recommendations(await state.queries.answer(request))


@router.post(
    f"{RECOMMENDATIONS}/batch",
    summary="Recommendations for up to 1,000 queries",
    description="Answers in the order of the queries; a query that is not valid gets an error in its place.",
    response_class=Response,
    responses={**example("The answers.", schemas.ManyRecommendations), **INVALID, **NOT_READY},
)
async def recommend_batch(
    state: State,
    batch: Annotated[RecommendationBatch, Body(openapi_examples=EXAMPLE_BATCH)],
) -> Response:
    return responses.many_recommendations(await state.queries.answer_all(batch.queries))
