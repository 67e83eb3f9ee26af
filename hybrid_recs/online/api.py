"""The HTTP routes and their OpenAPI description."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import StringConstraints
from starlette.exceptions import HTTPException

import hybrid_recs
from hybrid_recs.errors import HybridRecsError, NoGenerationError, RedisServerError, UnknownItemError
from hybrid_recs.explain import explain, known_row
from hybrid_recs.generation import Generation
from hybrid_recs.hit_rates import WINDOW_PATTERN, HitRateReport, parse_window
from hybrid_recs.online import answers, metrics, schemas
from hybrid_recs.online.limits import DEFAULT_K, LONGEST_ID, MOST_EXCLUDED, MOST_K, RECOMMENDATIONS
from hybrid_recs.online.rendering import JSON
from hybrid_recs.online.service import Service
from hybrid_recs.redis_client import UNREACHABLE

ItemId = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ID)]
ReportOf = Callable[[int, Callable[[str], str | None]], HitRateReport]

Responses = dict[int | str, dict[str, Any]]

_INVALID: Responses = {
    422: {"model": schemas.ErrorBody, "description": "A parameter is missing or out of range."}
}
_NOT_READY: Responses = {503: {"model": schemas.ErrorBody, "description": "No generation is loaded yet."}}
_UNKNOWN: Responses = {404: {"model": schemas.ErrorBody, "description": "No such item."}}


def _example(description: str, model: Any, example: Any = None) -> Responses:
    content: dict[str, Any] = {"model": model, "description": description}
    if example is not None:
        content["content"] = {JSON: {"example": example}}
    return {200: content}


def create_api(service: Service, report_of: ReportOf) -> FastAPI:
    """The application around one service; `report_of` reads the hit-rate report (blocking)."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    app = FastAPI(
        title="hybrid-recs",
        version=hybrid_recs.__version__,
        description="Items like this one: from a cached list when the item is popular, else by live search.",
        lifespan=lifespan,
        redoc_url=None,
    )
    app.add_exception_handler(HybridRecsError, answers.on_product_error)
    app.add_exception_handler(RequestValidationError, answers.on_bad_parameter)
    app.add_exception_handler(HTTPException, answers.on_http_error)
    _add_explain_route(app, service)
    _add_item_routes(app, service)
    _add_operations(app, service, report_of)
    return app


def _loaded(service: Service) -> Generation:
    if service.generation is None:
        raise NoGenerationError("no generation is loaded yet")
    return service.generation


def _add_explain_route(app: FastAPI, service: Service) -> None:
    """Before `/items/{item_id:path}`, which would match its paths too."""

    @app.get(
        "/items/{a:path}/explain/{b:path}",
        summary="Why an item is, or is not, in another's list",
        description="The same as `hybrid-recs explain A B`. Ids may hold slashes, plain or as %2F; a B that "
        "begins with explain/ or has /explain/ in it cannot be told apart and is for the command only. "
        "Takes time in proportion to the catalogue: for people, not for every page view.",
        response_class=Response,
        responses={
            **_example("The parts of the score.", schemas.Explanation, schemas.EXAMPLE_EXPLANATION),
            **_INVALID,
            **_NOT_READY,
            **_UNKNOWN,
        },
    )
    async def explain_pair(
        a: Annotated[ItemId, Path(examples=["85123A"], description="the item whose list it is")],
        b: Annotated[ItemId, Path(examples=["21733"], description="the item that is in it, or is not")],
        k: Annotated[int, Query(ge=1, le=MOST_K, description="length of the list")] = DEFAULT_K,
    ) -> Response:
        generation, rows = _loaded(service), {}
        for parameter, item_id in (("a", a), ("b", b)):
            try:
                rows[parameter] = known_row(generation, item_id)
            except UnknownItemError as error:
                return answers.error_response(404, "unknown_item", str(error), parameter)
        return answers.json_response(await asyncio.to_thread(explain, generation, rows["a"], rows["b"], k))


def _add_item_routes(app: FastAPI, service: Service) -> None:
    @app.get(
        RECOMMENDATIONS,
        summary="Items like one item",
        response_class=Response,
        responses={
            **_example("Exactly k items while there are k.", schemas.Recommendations, schemas.EXAMPLE_ANSWER),
            **_INVALID,
            **_NOT_READY,
            **_UNKNOWN,
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

    @app.get(
        "/items/{item_id:path}",
        summary="What is known of an item",
        response_class=Response,
        responses={
            **_example("The item.", schemas.ItemDetails, schemas.EXAMPLE_ITEM),
            **_INVALID,
            **_NOT_READY,
            **_UNKNOWN,
        },
    )
    async def item(item_id: Annotated[ItemId, Path(examples=["85123A"])]) -> Response:
        generation = _loaded(service)
        row = known_row(generation, item_id)
        found = generation.catalogue.item(row)
        return answers.json_response(
            schemas.ItemDetails(
                item_id=found.item_id,
                title=found.title,
                categories=found.categories,
                popularity=found.popularity,
                hot=row in generation.hot,
            ).model_dump()
        )


def _add_operations(app: FastAPI, service: Service, report_of: ReportOf) -> None:
    @app.get("/healthz", summary="Is the process alive", response_model=schemas.Health)
    async def healthz() -> Response:
        return answers.json_response({"status": "ok"})

    @app.get("/readyz", summary="Can it answer", response_model=schemas.Readiness, responses={**_NOT_READY})
    async def readyz() -> Response:
        generation = _loaded(service)
        cache = "available" if service.cache_available else "unavailable"
        return answers.json_response({"status": "ready", "generation": generation.id, "cache": cache})

    @app.get("/metrics", summary="Prometheus metrics", response_class=Response, responses={200: _TEXT})
    async def prometheus() -> Response:
        service.close_books()
        text = metrics.exposition(service.counters, service.generation)
        return Response(text, media_type=metrics.CONTENT_TYPE)

    @app.get(
        "/reports/cache-hit-rate",
        summary="Where answers came from",
        response_class=Response,
        responses={**_example("The report.", HitRateReport), **_INVALID, **_NOT_READY},
    )
    async def cache_hit_rate(seconds: Annotated[int, Depends(_window)]) -> Response:
        try:
            report = await asyncio.to_thread(report_of, seconds, _titles(service))
        except UNREACHABLE as error:
            raise RedisServerError(f"the counters cannot be read: {error}") from error
        return answers.json_response(report)


_TEXT = {"description": "Prometheus text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}


def _window(
    request: Request,
    window: Annotated[
        str,
        Query(
            description="such as 30m, 24h or 7d; at most 8d", json_schema_extra={"pattern": WINDOW_PATTERN}
        ),
    ] = "24h",
) -> int:
    try:
        return parse_window(window)
    except ValueError as error:
        problem = {"type": "value_error", "loc": ("query", "window"), "msg": str(error), "input": window}
        raise RequestValidationError([problem], body=str(request.url)) from error


def _titles(service: Service) -> Callable[[str], str | None]:
    generation = service.generation

    def title(item_id: str) -> str | None:
        row = generation.catalogue.row(item_id) if generation else None
        return generation.catalogue.title(row) if generation and row is not None else None

    return title
