"""Recommendations."""

from typing import Annotated, Literal

from fastapi import FastAPI, Query, Response

from hybrid_recs.online import answers, schemas
from hybrid_recs.online.limits import DEFAULT_K, MOST_EXCLUDED, MOST_K, RECOMMENDATIONS
from hybrid_recs.online.routes.common import INVALID, NOT_READY, UNKNOWN, ItemId, example
from hybrid_recs.online.service import Service


def add(app: FastAPI, service: Service) -> None:
    """Add the routes."""

    @app.get(
        RECOMMENDATIONS,
        summary="Items like one item",
        response_class=Response,
        responses={
            **example("Exactly k items while there are k.", schemas.Recommendations, schemas.EXAMPLE_ANSWER),
            **INVALID,
            **NOT_READY,
            **UNKNOWN,
        },
    )
    async def recommendations(
        item_id: Annotated[ItemId, Query(examples=["85123A"])],
        k: Annotated[int, Query(ge=1, le=MOST_K, description="how many items")] = DEFAULT_K,
        exclude: Annotated[
            list[ItemId], Query(max_length=MOST_EXCLUDED, description="ids never to recommend; repeatable")
        ] = [],  # noqa: B006  FastAPI copies it
        on_unknown: Annotated[
            Literal["popular", "error"], Query(description="what an unknown item gets: popular items, or 404")
        ] = "popular",
    ) -> Response:
        served = None if exclude else service.remembered(item_id, k)
        served = served or await service.recommend(item_id, k, exclude, on_unknown == "error")
        return answers.recommendations(served)
