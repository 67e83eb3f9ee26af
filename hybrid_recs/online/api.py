"""The HTTP application: routes, error handlers, lifespan."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

import hybrid_recs
from hybrid_recs.errors import HybridRecsError
from hybrid_recs.online.http import responses
from hybrid_recs.online.http.routes import (
    catalogue,
    events,
    item_changes,
    items,
    operations,
    page,
    recommendations,
    sessions,
    status,
    trending,
)
from hybrid_recs.online.http.state import AppState, attach
from hybrid_recs.online.serving.components import ServingComponents
from hybrid_recs.online.visitors.components import VisitorComponents

# In the order in which a request is matched, and in which /docs lists them.
_MODULES = (
    recommendations,
    catalogue,
    items,
    item_changes,
    events,
    sessions,
    trending,
    operations,
    status,
    page,
)


def create_api(state: AppState, serving: ServingComponents, visitors: VisitorComponents) -> FastAPI:
    """The application of one worker, which starts and stops `serving` and `visitors`."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await serving.start()
        await visitors.start()
        yield
        await visitors.stop()
        await serving.stop()

    app = FastAPI(
        title="hybrid-recs",
        version=hybrid_recs.__version__,
        description="Recommendations from a cached list for popular items, and by live search for all "
        "others.",
        lifespan=lifespan,
        redoc_url=None,
        # include_router would match each request against the routers one by one, and against the right router
        # twice: 25 µs per request, on the 60 µs that /healthz takes.
        routes=[route for module in _MODULES for route in module.router.routes],
    )
    app.add_exception_handler(HybridRecsError, responses.on_product_error)
    app.add_exception_handler(RequestValidationError, responses.on_bad_parameter)
    app.add_exception_handler(HTTPException, responses.on_http_error)
    attach(app, state)
    return app
