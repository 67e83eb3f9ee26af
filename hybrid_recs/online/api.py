"""The HTTP application: routes, errors, life span."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

import hybrid_recs
from hybrid_recs.errors import HybridRecsError
from hybrid_recs.online import answers
from hybrid_recs.online.asking import Asking
from hybrid_recs.online.routes import items, operations, recommendations
from hybrid_recs.online.service import Service


def create_api(service: Service, asking: Asking, report_of: operations.ReportOf) -> FastAPI:
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
    recommendations.add(app, service, asking)
    items.add(app, service)
    operations.add(app, service, report_of)
    return app
