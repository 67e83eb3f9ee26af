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
        "Exactly k items while there are k eligible ones.", schemas.Recommendations, schemas.EXAMPLE_ANSWER
    ),
    **INVALID,
    **NOT_READY,
    **UNKNOWN,
}

router = APIRouter()


@router.get(
    RECOMMENDATIONS,
    summary="Items like an item or a basket; for a session, a user, a new visitor",
    description="Without any of these: popular items. Everything else that can be asked is for POST.",
    response_class=Response,
    responses=_ANSWER,
)
async def recommendations(
    state: State,
    item_id: Annotated[
        list[ItemId],
        Query(max_length=MAX_ITEMS, description="repeat it for a basket", examples=[["85123A"]]),
    ] = [],  # noqa: B006  FastAPI copies it
    session_id: Annotated[ItemId | None, Query(description="what fits its latest events")] = None,
    user_id: Annotated[
        ItemId | None, Query(description="the stored list, or what fits what was done since")
    ] = None,
    interests: Annotated[
        list[ItemId],
        Query(max_length=MAX_CATEGORIES, description="categories a new visitor states; repeatable"),
    ] = [],  # noqa: B006
    category: Annotated[
        list[ItemId],
        Query(max_length=MAX_CATEGORIES, description="only items in any of these; repeatable"),
    ] = [],  # noqa: B006
    k: Annotated[int, Query(ge=1, le=MAX_K, description="how many items")] = DEFAULT_K,
    exclude: Annotated[
        list[ItemId], Query(max_length=MAX_EXCLUDED, description="ids never to recommend; repeatable")
    ] = [],  # noqa: B006
    on_unknown: Annotated[
        OnUnknown, Query(description="an unknown item is passed over, or a 404; popular means skip")
    ] = "skip",
) -> Response:
    request = RecommendationRequest(
        items=[WeightedItem(item_id=one) for one in item_id],
        session_id=session_id,
        user_id=user_id,
        interests=interests,
        categories=CategoryConditions(any=category),
        k=k,
        exclude=exclude,
        on_unknown=on_unknown,
    )
    plain = None if exclude else request.plain_item
    local = state.items.local_answer(plain, k) if plain is not None else None
    return responses.recommendations(local or await state.queries.answer(request))


@router.post(
    RECOMMENDATIONS,
    summary="The same for any query",
    description="Items with weights (negative ones too), a session, a user, a vector, a description of "
    "something that is not in the catalogue, or several of these; minus exclusions, under filters, "
    "varied if wished. Filters hold before the list is cut to k. A query with nothing known in it gets "
    "popular items of the categories in `any` and `all` or of the interests, and behind them others that "
    "`not` leaves.",
    response_class=Response,
    responses=_ANSWER,
)
async def ask(
    state: State,
    request: Annotated[RecommendationRequest, Body(openapi_examples=EXAMPLE_REQUESTS)],
) -> Response:
    return responses.recommendations(await state.queries.answer(request))


@router.post(
    f"{RECOMMENDATIONS}/batch",
    summary="Up to 1,000 queries at once",
    description="Answers in the order of the queries; one that cannot be answered is its error.",
    response_class=Response,
    responses={**example("All answers.", schemas.ManyRecommendations), **INVALID, **NOT_READY},
)
async def ask_many(
    state: State,
    batch: Annotated[RecommendationBatch, Body(openapi_examples=EXAMPLE_BATCH)],
) -> Response:
    return responses.many_recommendations(await state.queries.answer_all(batch.queries))
