"""The HTTP application: routes, errors, life span."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

import hybrid_recs
from hybrid_recs.errors import HybridRecsError
from hybrid_recs.items.change_feed import ChangeFeed
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
from hybrid_recs.online.serving.query_service import QueryService
from hybrid_recs.online.serving.service import Service
from hybrid_recs.online.visitors.components import VisitorComponents


def create_api(
    service: Service,
    query_service: QueryService,
    feed: ChangeFeed,
    visitors: VisitorComponents,
    report_of: operations.ReportOf,
) -> FastAPI:
    """The application around one service; `report_of` reads the hit-rate report (blocking)."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        await visitors.start()
        yield
        await visitors.stop()
        await service.stop()

    app = FastAPI(
        title="hybrid-recs",
        version=hybrid_recs.__version__,
        description="Items like this one: from a cached list when the item is popular, else by live search.",
        lifespan=lifespan,
        redoc_url=None,
    )
    app.add_exception_handler(HybridRecsError, responses.on_product_error)
    app.add_exception_handler(RequestValidationError, responses.on_bad_parameter)
    app.add_exception_handler(HTTPException, responses.on_http_error)
    recommendations.add(app, service, query_service)
    catalogue.add(app, service, feed)
    items.add(app, service, feed)
    item_changes.add(app, service, feed)
    events.add(app, visitors.intake)
    sessions.add(app, service, visitors.streams, visitors.heartbeat_seconds)
    trending.add(app, service, visitors.trends)
    operations.add(app, service, report_of, visitors.lag)
    status.add(app, service, visitors.lag)
    page.add(app)
    return app
