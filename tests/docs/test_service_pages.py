"""The pages on the HTTP API and on metrics list what a real service has."""

import re

import httpx

from hybrid_recs.online.http.schemas import Recommendations
from hybrid_recs.types import Outcome, PublicReason
from tests.docs.pages import DOCS, DOCUMENTS, code, rows

API, METRICS = DOCS / "reference" / "http-api.md", DOCS / "reference" / "metrics.md"
ENDPOINT = re.compile(r"^(GET|POST|PUT|DELETE) (/[^\s?`]*)")


def test_every_endpoint_is_listed_and_exists(http: httpx.Client) -> None:
    paths = http.get("/openapi.json").json()["paths"]
    existing = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    first_cells = [cells[0].strip("`") for cells in rows(API)]
    assert {match.groups() for cell in first_cells if (match := ENDPOINT.match(cell))} == existing
    named = {match.groups() for path in DOCUMENTS for text in code(path) if (match := ENDPOINT.match(text))}
    patterns = {(method, re.sub(r"\{\w+\}", "[^/]+", path)) for method, path in existing}
    assert [
        (method, path)
        for method, path in sorted(named)
        if not any(method == known and re.fullmatch(pattern, path) for known, pattern in patterns)
    ] == []


def test_every_parameter_and_field_is_listed(http: httpx.Client) -> None:
    listed = {name for cells in rows(API) for name in re.findall(r"`(\w+)`", cells[0])}
    description = http.get("/openapi.json").json()["paths"]["/recommendations"]["get"]
    assert {parameter["name"] for parameter in description["parameters"]} <= listed
    assert Recommendations.model_fields.keys() <= listed


def test_every_reason_is_listed() -> None:
    listed = {cells[2] for cells in rows(API) if len(cells) == 3}
    assert [
        reason
        for reason in PublicReason
        if reason is not PublicReason.NOT_READY and f"`{reason}`" not in listed
    ] == []


def test_every_metric_is_listed_and_exists(http: httpx.Client) -> None:
    families = set(re.findall(r"^# TYPE (\w+)", http.get("/metrics").text, re.M))
    listed = {name for cells in rows(METRICS) for name in re.findall(r"`(\w+)`", cells[0])}
    assert families <= listed
    named = {n for path in DOCUMENTS for n in re.findall(r"\bhybrid_recs_[a-z_]+\b", path.read_text())}
    assert named <= families


def test_every_cause_is_listed() -> None:
    listed = {name for cells in rows(METRICS) for name in re.findall(r"`(\w+)`", cells[0])}
    assert set(Outcome) <= listed
