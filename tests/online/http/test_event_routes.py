"""Events over HTTP: receipts, reading one's own writes, and a Redis that is unreachable or full."""

import time
from pathlib import Path
from typing import Any

import httpx

from hybrid_recs.demo.child_service import ChildService, child_service
from tests.planted import item_id, world_of
from tests.services import OwnRedis, wait_until


def _view(event_id: str, item: str, session: str = "s", **fields: Any) -> dict[str, Any]:
    return {"event_id": event_id, "type": "view", "session_id": session, "item_id": item, **fields}


def test_receipts(http: httpx.Client) -> None:
    first, name = _view("r1", item_id(0, 0), "receipts"), "receipts"
    answer = http.post("/events", json=first)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0, "rejected": []})
    answer = http.post("/events", json=[first])
    assert (answer.status_code, answer.json()) == (200, {"accepted": 0, "duplicates": 1, "rejected": []})
    bad = [{"event_id": "r3"}, 7, _view("r4", item_id(0, 2), name, time=time.time() + 4_000)]
    answer = http.post("/events", json={"events": [*bad, _view("r2", item_id(0, 1), name), first]})
    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 1,
        "duplicates": 1,
        "rejected": [
            {"index": 0, "event_id": "r3", "code": "missing_field", "message": "type: missing"},
            {"index": 1, "event_id": None, "code": "invalid_event", "message": "an event is an object"},
            {
                "index": 2,
                "event_id": "r4",
                "code": "invalid_time",
                "message": "time: in the future (unix seconds, not milliseconds?)",
            },
        ],
    }
    assert http.post("/events", json=[]).json() == {"accepted": 0, "duplicates": 0, "rejected": []}


def test_bodies_that_are_no_batch(http: httpx.Client) -> None:
    for content in (b"", b"{", b"3", b'{"events": 3}', b'{"events": [], "x": 1}', b'"\xff"', b'["\\ud800"]'):
        answer = http.post("/events", content=content)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_body"), content
    answer = http.post("/events", json=[{}] * 1_001)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "too_many_events")


def test_the_next_read_sees_the_click(http: httpx.Client) -> None:
    for number, world in enumerate((3, 5, 1)):
        click = _view(f"w{number}", item_id(world, 4), "writes", user_id="writer")
        assert http.post("/events", json=click).json()["accepted"] == 1
        for who in ({"session_id": "writes"}, {"user_id": "writer"}):
            items = http.get("/recommendations", params=who).json()["items"]
            assert world_of(items[0]["item_id"]) == world
    text = http.get("/metrics").text
    assert "hybrid_recs_events_accepted_total" in text
    assert "hybrid_recs_events_waiting" in text


def test_redis_down_accepts_nothing_and_the_same_events_can_be_sent_again(
    service: ChildService, own_redis: OwnRedis
) -> None:
    events = [_view(f"d{n}", item_id(0, n)) for n in range(3)]
    with httpx.Client(base_url=service.url) as http:
        assert http.post("/events", json=events[:1]).json()["accepted"] == 1
        own_redis.kill()
        for _ in range(2):
            answer = http.post("/events", json=events)
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "events_unavailable"
            assert answer.headers["retry-after"] == "1"
        assert http.get("/recommendations", params={"session_id": "s"}).status_code == 200
        own_redis.start()
        wait_until(lambda: http.post("/events", json=events).status_code == 202, what="events taken again")
        assert http.post("/events", json=events).json()["duplicates"] == 3


def test_a_backlog_is_refused_with_the_remedy(environment: dict[str, str], tmp_path: Path) -> None:
    environment["HYBRID_RECS_EVENTS_MAX_PENDING"] = "2"
    with (
        child_service(tmp_path / "log", environment) as service,
        httpx.Client(base_url=service.url) as http,
    ):
        assert http.post("/events", json=[_view("b1", "x"), _view("b2", "x")]).json()["accepted"] == 2
        answer = http.post("/events", json=_view("b3", "x"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "events_backlog")
        assert "make consume-events" in answer.json()["error"]["message"]
