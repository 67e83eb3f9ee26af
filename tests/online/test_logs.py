"""JSON log lines, and the names of requests in them and on answers."""

import logging
import re
import sys
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from hybrid_recs import logs
from hybrid_recs.demo.child_service import child_service
from hybrid_recs.online.http.request_ids import trace_id_of
from tests.planted import item_id
from tests.services import OwnRedis, wait_until

HOT = item_id(1, 0)
HEALTH_LOGGER = "hybrid_recs.health"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def _lines(log: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in log.read_text().splitlines()]


def test_every_line_is_json_and_carries_the_names_of_its_request(
    environment: dict[str, str], own_redis: OwnRedis, tmp_path: Path
) -> None:
    environment |= {"HYBRID_RECS_LOG_FORMAT": "json", "HYBRID_RECS_LOG_LEVEL": "DEBUG"}
    log = tmp_path / "log"
    with child_service(log, environment) as service, httpx.Client(base_url=service.url) as http:
        named = http.get(
            f"/recommendations?item_id={HOT}", headers={"X-Request-ID": "r-1", "traceparent": PARENT}
        )
        own = http.get(f"/recommendations?item_id={HOT}").headers["x-request-id"]
        routed = http.get("/items/none", headers={"X-Request-ID": "r-2", "traceparent": "00-0-0-0"})
        own_redis.kill()
        http.get(f"/recommendations?item_id={HOT}", headers={"X-Request-ID": "r-3"})
        wait_until(lambda: any(line["logger"] == HEALTH_LOGGER for line in _lines(log)))
    assert (named.headers["x-request-id"], named.headers["traceparent"]) == ("r-1", PARENT)
    assert re.fullmatch("[0-9a-f]{32}", own)
    assert (routed.status_code, routed.headers["x-request-id"]) == (404, "r-2")
    assert "traceparent" not in routed.headers
    lines = _lines(log)
    for line in lines:
        assert {"time", "level", "logger", "message", "pid"} <= line.keys()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["time"])
    loggers = {line["logger"] for line in lines}
    assert {"uvicorn.error", "hybrid_recs.online.serving.generation_watcher"} <= loggers
    assert "uvicorn.access" not in loggers
    of_requests = {line["request_id"]: line for line in lines if line["logger"] == "hybrid_recs.request"}
    assert of_requests["r-1"]["trace_id"] == TRACE
    assert (of_requests["r-2"]["path"], of_requests["r-2"]["status"]) == ("/items/none", 404)
    assert "trace_id" not in of_requests["r-2"]
    assert own in of_requests
    (unreachable,) = (line for line in lines if line["logger"] == HEALTH_LOGGER)
    assert (unreachable["level"], unreachable["dependency"]) == ("WARNING", "redis")
    assert "request_id" not in unreachable
    assert all("request_id" not in line for line in lines if "serving generation" in line["message"])


@pytest.mark.parametrize(
    "path", [f"/recommendations?item_id={HOT}", f"/recommendations?item_id={HOT}&", "/nowhere"]
)
def test_text_logs_name_only_requests_that_ask_for_it(http: httpx.Client, path: str) -> None:
    plain = http.get(path).headers
    assert not {"x-request-id", "traceparent"} & set(plain)
    named = http.get(path, headers={"X-Request-ID": "a.b:c/d+e=f@g_h-1"}).headers
    assert named["x-request-id"] == "a.b:c/d+e=f@g_h-1"
    traced = http.get(path, headers={"traceparent": PARENT}).headers
    assert traced["traceparent"] == PARENT
    assert set(named) - set(plain) == {"x-request-id"}
    assert set(traced) - set(plain) == {"x-request-id", "traceparent"}
    assert "traceparent" not in http.get(path, headers={"traceparent": PARENT[:-1]}).headers


@pytest.mark.parametrize("insane", ["", "a b", "x" * 129, 'a"b', "a;b", "a\\n"])
def test_request_ids_that_are_not_sane_are_replaced(http: httpx.Client, insane: str) -> None:
    made = http.get("/healthz", headers={"X-Request-ID": insane}).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", made)


def test_two_request_ids_are_none(http: httpx.Client) -> None:
    twice = [("X-Request-ID", "a"), ("X-Request-ID", "b")]
    assert len(http.get("/healthz", headers=twice).headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    ("header", "trace_id"),
    [
        (PARENT, TRACE),
        (f"00-{TRACE}-b7ad6b7169203331-00", TRACE),
        (f"01-{TRACE}-b7ad6b7169203331-01-more", TRACE),
        (f"00-{TRACE}-b7ad6b7169203331-01-more", None),
        (f"ff-{TRACE}-b7ad6b7169203331-01", None),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-b7ad6b7169203331-01", None),
        (f"00-{TRACE}-b7ad6b7169203331", None),
        (f"{PARENT}\n", None),
        ("", None),
    ],
)
def test_traceparent_by_the_letter(header: str, trace_id: str | None) -> None:
    assert trace_id_of(header.encode()) == trace_id


def test_text_from_clients_writes_no_lines_of_its_own() -> None:
    forged = "A-1\n2026-01-01 00:00:00,000 ERROR root: all is lost\x1b[2J\u2028"
    record = logging.LogRecord("n", logging.DEBUG, "p", 1, "item %s", (forged,), None)
    line = logs.TextLines().format(record)
    assert line.endswith(r"n: item A-1\n2026-01-01 00:00:00,000 ERROR root: all is lost\x1b[2J\u2028")
    assert len(line.splitlines()) == 1


def test_an_exception_and_strange_text_are_one_line() -> None:
    try:
        raise ValueError("of\nno use")
    except ValueError:
        record = logging.LogRecord(
            "n", logging.ERROR, "p", 1, "it %s", ("broke\nhere \udcff",), sys.exc_info()
        )
    line = logs.JsonLines().format(record)
    assert "\n" not in line
    entry = orjson.loads(line.replace("\\udcff", ""))
    assert entry["message"] == "it broke\nhere "
    assert entry["exception"].endswith("ValueError: of\nno use")


@pytest.mark.usefixtures("own_redis")
def test_no_request_is_logged_by_itself(environment: dict[str, str], tmp_path: Path) -> None:
    """A line a request takes as long as the answer."""
    log = tmp_path / "log"
    with child_service(log, environment) as service, httpx.Client(base_url=service.url) as http:
        assert http.get(f"/recommendations?item_id={HOT}").status_code == 200
        assert http.get("/nothing").status_code == 404
    assert "Uvicorn running" in log.read_text()
    assert "GET /" not in log.read_text()
