"""Parameter types and descriptions of common responses, shared by routes."""

from typing import Annotated, Any

from pydantic import StringConstraints
from starlette.convertors import PathConvertor, register_url_convertor

from hybrid_recs.online.http import schemas
from hybrid_recs.online.serving.rendered_answer import JSON
from hybrid_recs.types import MAX_ID_LENGTH


class IdConvertor(PathConvertor):
    """Ids in paths, `{item_id:id}`: any text, with slashes and line breaks."""

    regex = "(?s:.*)"


register_url_convertor("id", IdConvertor())

ItemId = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_LENGTH)]

Responses = dict[int | str, dict[str, Any]]

INVALID: Responses = {
    422: {"model": schemas.ErrorBody, "description": "A parameter is missing or out of range."}
}
NOT_READY: Responses = {503: {"model": schemas.ErrorBody, "description": "No generation is loaded yet."}}
UNKNOWN: Responses = {404: {"model": schemas.ErrorBody, "description": "No such item."}}
GUARDED: Responses = {
    401: {"model": schemas.ErrorBody, "description": "API keys are set, and the request has none of them."},
    403: {
        "model": schemas.ErrorBody,
        "description": "No API keys are set, and the client is not on this machine.",
    },
    413: {"model": schemas.ErrorBody, "description": "The body is too long."},
    429: {"model": schemas.ErrorBody, "description": "Too many writes by one key or client."},
}


def example(description: str, model: Any, example: Any = None) -> Responses:
    """The description of a route's 200 response."""
    content: dict[str, Any] = {"model": model, "description": description}
    if example is not None:
        content["content"] = {JSON: {"example": example}}
    return {200: content}
