"""Metrics keep to Prometheus' conventions, and dashboard and alerts use only what a real service tells."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from hybrid_recs.demo.child_service import ChildService
from tests.paths import ROOT
from tests.planted import NEVER_BOUGHT, item_id

FOLDER = ROOT / "docs" / "how-to" / "monitoring"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
GROUPS = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]

_ADDED_BY_PROMETHEUS = {"job", "instance"}
_NAME = r"\b(?:hybrid_recs|process)_[a-z0-9_]+"
# Suffixes of units that are no base units.
_NOT_BASE = ("_ms", "_milliseconds", "_microseconds", "_minutes", "_hours", "_days", "_mb", "_kb", "_percent")


Metrics = dict[str, dict[str, set[str]]]
"""Sample name → label → its values."""


@pytest.fixture(scope="module")
def text(shared_service: ChildService) -> str:
    with httpx.Client(base_url=shared_service.url) as http:
        for query in (f"item_id={item_id(1, 0)}", f"item_id={NEVER_BOUGHT[0]}", "item_id=unknown"):
            http.get(f"/recommendations?{query}")
        answer = http.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.text


@pytest.fixture(scope="module")
def metrics(text: str) -> Metrics:
    samples: Metrics = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = samples.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return samples


def wrong_in(expression: str, metrics: Metrics) -> list[str]:
    """What an expression uses that the service does not tell: metrics, labels and values of labels."""
    wrong = []
    known_labels = set(_ADDED_BY_PROMETHEUS)
    for name, _, matchers in re.findall(rf"({_NAME})(\{{(.*?)\}})?", expression):
        if name not in metrics:
            wrong.append(name)
            continue
        known_labels |= metrics[name].keys()
        for label, operator, value in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', matchers):
            if label in _ADDED_BY_PROMETHEUS:
                continue
            known = metrics[name].get(label)
            if known is None:
                wrong.append(f"{name}{{{label}}}")
            elif operator != "!=" or value:
                wrong += [f"{name}{{{label}={one}}}" for one in value.split("|") if one not in known]
    grouped = re.findall(r"\bby \(([^)]*)\)", expression)
    labels = {label.strip() for group in grouped for label in group.split(",")}
    return wrong + sorted(labels - known_labels)


def _panel_targets() -> Iterator[tuple[str, dict[str, Any]]]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target


def test_the_check_itself(metrics: Metrics) -> None:
    assert wrong_in("rate(hybrid_recs_cache_errors_total[5m])", metrics) == []
    assert wrong_in("hybrid_recs_gone > 0", metrics) == ["hybrid_recs_gone"]
    assert wrong_in('hybrid_recs_requests_total{sauce="cache"}', metrics) == [
        "hybrid_recs_requests_total{sauce}"
    ]
    assert wrong_in('hybrid_recs_requests_total{source=~"cache|batsch"}', metrics) == [
        "hybrid_recs_requests_total{source=batsch}"
    ]
    assert wrong_in("sum by (reeson) (hybrid_recs_requests_total)", metrics) == ["reeson"]


def test_dashboard_uses_what_there_is(metrics: Metrics) -> None:
    targets = list(_panel_targets())
    assert len(targets) > 20
    for title, target in targets:
        assert wrong_in(target["expr"], metrics) == [], title
        assert re.search(_NAME, target["expr"]), title
        labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        grouped = re.findall(r"\bby \(([^)]*)\)", target["expr"])
        assert labels <= {label.strip() for group in grouped for label in group.split(",")}, title
    for annotation in DASHBOARD["annotations"]["list"]:
        assert wrong_in(annotation["expr"], metrics) == []
    for variable in DASHBOARD["templating"]["list"][1:]:
        assert set(re.findall(_NAME, variable["definition"])) == {"hybrid_recs_ready"}


def test_dashboard_can_be_imported() -> None:
    assert DASHBOARD["schemaVersion"] >= 39
    assert DASHBOARD["templating"]["list"][0]["type"] == "datasource"
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["description"]
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_alerts_use_what_there_is_and_name_the_remedy(metrics: Metrics) -> None:
    assert len(RULES) >= 10
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert re.search(_NAME, rule["expr"]), rule["alert"]
        assert wrong_in(rule["expr"], metrics) == [], rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert len(rule["annotations"]["remedy"]) > 30
        assert re.fullmatch(r"\d+[mh]", rule.get("for", "0m"))
        used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        grouped = re.findall(r"\bby \(([^)]*)\)", rule["expr"])
        kept = {label.strip() for group in grouped for label in group.split(",")} or _ADDED_BY_PROMETHEUS
        assert used <= kept, rule["alert"]


def test_names_and_units_are_conventional(text: str) -> None:
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.M))
    assert types.keys() == helps.keys()
    assert len(types) > 20
    for name, kind in types.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert name.startswith("hybrid_recs_") or name == "process_start_time_seconds"
        assert (kind == "counter") == name.endswith("_total"), name
        assert not name.removesuffix("_total").endswith(_NOT_BASE), name
        assert kind in ("counter", "gauge", "histogram")
        assert helps[name].endswith("."), name
        if kind == "histogram":
            assert name.endswith("_seconds")
        if name.endswith("_info"):
            assert set(re.findall(rf"^{name}{{.*}} (\S+)$", text, re.M)) == {"1.0"}
    samples = [line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in samples}
    assert families == types.keys()


def test_histograms_are_cumulative(text: str) -> None:
    (family,) = (f for f in text_string_to_metric_families(text) if f.name == "hybrid_recs_request_seconds")
    for source in {sample.labels["source"] for sample in family.samples}:
        mine = [sample for sample in family.samples if sample.labels["source"] == source]
        buckets = [(float(s.labels["le"]), s.value) for s in mine if s.name.endswith("_bucket")]
        assert buckets == sorted(buckets)
        assert [count for _, count in buckets] == sorted(count for _, count in buckets)
        (total,) = (s.value for s in mine if s.name.endswith("_count"))
        assert buckets[-1] == (float("inf"), total)


def test_state_of_a_service_that_runs(text: str, metrics: Metrics) -> None:
    values = {
        s.name: s.value for f in text_string_to_metric_families(text) for s in f.samples if not s.labels
    }
    assert values["hybrid_recs_ready"] == values["hybrid_recs_workers"] == 1
    assert values["hybrid_recs_cache_reachable"] == 1
    assert (
        -1  # both are whole seconds, and of the same one on a fast machine
        <= values["process_start_time_seconds"] - values["hybrid_recs_generation_created_timestamp_seconds"]
        < 3_600
    )
    assert values["hybrid_recs_items"] == 242
    assert len(metrics["hybrid_recs_generation_info"]["generation"]) == 1
