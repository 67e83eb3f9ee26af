"""Requests generated from the OpenAPI description: every response is one that it describes."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from hybrid_recs.demo.child_service import ChildService
from hybrid_recs.online.http.routes.sessions import STREAM


def test_answers_are_as_described(service: ChildService) -> None:
    """By a service of its own: some of the requests write."""
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    tried = set()
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        if operation.path == STREAM:  # never ends; see test_session_streams.py
            continue
        tried.add(operation.path)
        _try(operation)
    assert {
        "/recommendations",
        "/items/{item_id}",
        "/reports/cache-hit-rate",
        "/metrics",
        "/events",
        "/trending",
    } <= tried


def _try(operation: Any) -> None:
    @given(case=operation.as_strategy())
    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def conforms(case: Any) -> None:
        # How long a vector has to be depends on the generation, which a description cannot say.
        has_vector = isinstance(case.body, dict) and case.body.get("vector") is not None
        case.call_and_validate(excluded_checks=[positive_data_acceptance] if has_vector else [])

    conforms()
