"""Requests made up from the OpenAPI description: every answer is one that the description promises."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings

from hybrid_recs.child_service import ChildService


def test_answers_are_as_described(shared_service: ChildService) -> None:
    schema = schemathesis.openapi.from_url(f"{shared_service.url}/openapi.json")
    tried = set()
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        tried.add(operation.path)
        _try(operation)
    assert {"/recommendations", "/items/{item_id}", "/reports/cache-hit-rate", "/metrics"} <= tried


def _try(operation: Any) -> None:
    @given(case=operation.as_strategy())
    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def conforms(case: Any) -> None:
        case.call_and_validate()

    conforms()
