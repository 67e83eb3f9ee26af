"""The page at `/`."""

from fastapi import APIRouter, Request, Response

from hybrid_recs.online.http.responses import error_response
from hybrid_recs.online.http.state import State

router = APIRouter(include_in_schema=False)


@router.get("/")
async def index(state: State, request: Request) -> Response:
    return state.page.index.response(request)


@router.get("/page/{version}/{name}")
async def part(state: State, version: str, name: str, request: Request) -> Response:
    file = state.page.parts.get(name) if version == state.page.version else None
    return file.response(request) if file else error_response(404, "not_found", "Not Found")
