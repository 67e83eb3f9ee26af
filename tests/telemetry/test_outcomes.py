"""Every kind of request over HTTP is counted once under the cause that it was made to have."""

from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.user_list_codec import StoredUserList, encode_user_list
from hybrid_recs.demo.child_service import child_service
from hybrid_recs.generation.generation import Generation
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.settings import RISING_AFTER_REQUESTS
from hybrid_recs.telemetry.hit_rates import HitRateReport, hit_rate_report
from hybrid_recs.telemetry.shared_counters import SharedCounters
from tests.planted import NEVER_BOUGHT, item_id
from tests.services import OwnRedis, wait_until

HOT, OTHER_HOT, TAIL, OTHER_TAIL = item_id(1, 0), item_id(2, 0), item_id(1, 29), item_id(2, 29)
Asked = Counter[tuple[str, str]]


def _report(url: str, keys: Keys) -> HitRateReport:
    with connect(url) as client:
        return hit_rate_report(client, keys, 3_600, lambda _: None)


def _of_metrics(http: httpx.Client) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(http.get("/metrics").text)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


class Sender:
    """Sends requests; knows how many, and what the clients were told of each."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.expected: Asked = Counter()
        self.told: Asked = Counter()
        self.put_back = 0

    def get(self, query: str, source: str, cause: str, times: int = 1) -> None:
        for _ in range(times):
            self._told(self.http.get(f"/recommendations?{query}").json())
        self.expected[source, cause] += times

    def post(self, question: dict[str, Any], source: str, cause: str) -> None:
        self._told(self.http.post("/recommendations", json=question).json())
        self.expected[source, cause] += 1

    def batch(self, *questions: tuple[dict[str, Any], str, str]) -> None:
        asked = {"queries": [question for question, _, _ in questions]}
        for answer in self.http.post("/recommendations/batch", json=asked).json()["answers"]:
            self._told(answer)
        self.expected.update((source, cause) for _, source, cause in questions)

    def _told(self, answer: dict[str, Any]) -> None:
        if "error" in answer:
            self.told["none", answer["error"]["code"]] += 1
        else:
            self.told[answer["source"], answer["fallback_reason"] or ""] += 1


def _settled(sender: Sender, url: str, keys: Keys) -> HitRateReport:
    """The report once everything is written, compared with what was sent and with /metrics."""
    sent = sender.expected.total()
    wait_until(lambda: _report(url, keys).requests == sent, what="all counts in Redis")
    report, metrics = _report(url, keys), _of_metrics(sender.http)
    assert {(line.source, line.cause): line.requests for line in report.causes} == sender.expected
    assert {(line.source, line.reason or ""): line.requests for line in report.reasons} == sender.told
    for name, counts in (("requests_by_cause", sender.expected), ("requests", sender.told)):
        found = {key: value for key, value in metrics.items() if key[0] == f"hybrid_recs_{name}_total"}
        labelled = {tuple(sorted(key[1:])): value for key, value in found.items() if value}
        assert labelled == {tuple(sorted(outcome)): n for outcome, n in counts.items()}
    assert sum(point.requests for point in report.series) == sent
    assert sum(sum(point.causes.values()) for point in report.series) == sent
    assert sum(one.requests for one in report.generations) == sent
    assert sum(one.older for one in report.generations) == report.older
    assert metrics["hybrid_recs_older_generation_requests_total",] == report.older
    latencies = sum(n for key, n in metrics.items() if key[0] == "hybrid_recs_request_seconds_count")
    assert latencies == sent
    return report


def _every_kind(sender: Sender) -> None:
    sender.get(f"item_id={HOT}", "cache", "hit", 3)
    sender.get(f"k=7&item_id={HOT}&on_unknown=skip", "cache", "hit")
    sender.get(f"item_id={TAIL}", "live", "tail", 2)
    sender.get("item_id=nobody", "popular", "unknown_item", 2)
    sender.get("item_id=nobody&on_unknown=error", "none", "unknown_item")
    sender.get(f"item_id={NEVER_BOUGHT[0]}", "popular", "no_vector")
    sender.get(f"item_id={HOT}&exclude={OTHER_HOT}", "cache", "hit")
    sender.get(f"item_id={HOT}&k=100&exclude={item_id(1, 1)}", "live", "list_too_short")
    sender.get(f"item_id={HOT}&item_id={TAIL}", "live", "composed")
    sender.get("session_id=never-seen", "popular", "nothing_known")
    sender.get("interests=world%202", "popular", "nothing_known")
    basket = {"items": [{"item_id": HOT}, {"item_id": OTHER_HOT, "weight": -0.5}]}
    missing = {"items": [{"item_id": HOT}, {"item_id": "nobody"}], "on_unknown": "error"}
    described = {"metadata": {"title": "Thing 99 of world 6", "categories": ["world 6"]}}
    sender.post({"items": [{"item_id": HOT}]}, "cache", "hit")
    sender.post(basket, "live", "composed")
    sender.post(missing, "none", "unknown_item")
    sender.post(described, "content", "no_interactions")
    sender.batch(
        ({"items": [{"item_id": HOT}]}, "cache", "hit"),
        (basket, "live", "composed"),
        (missing, "none", "unknown_item"),
        ({"items": [{"item_id": OTHER_TAIL}]}, "live", "tail"),
    )
    # Refused, so no requests for recommendations.
    assert sender.http.get("/recommendations?item_id=").status_code == 422
    assert sender.http.post("/recommendations", json={"vector": [1.0]}).status_code == 422


def _visitors(sender: Sender, url: str, keys: Keys, generation: Generation) -> None:
    recommender = Recommender(generation)
    history = np.array([generation.catalogue.row(item_id(1, 3))], np.int64)
    stored = StoredUserList(recommender.answer_user(history, 100).neighbours, history, 1_700_000_000)
    with connect(url) as client:
        client.set(keys.user_list(generation.id, "u"), encode_user_list(stored), ex=60)
        sender.get("user_id=u", "batch", "hit", 2)
        client.lpush(keys.user("u"), f"1700000009-0 {item_id(5, 0)}")
        sender.get("user_id=u", "live", "list_stale")
        client.lpush(keys.session("s"), f"1700000000-0 {item_id(3, 0)}")
        sender.get("session_id=s", "live", "composed", 2)


def test_every_kind_of_request_and_every_way_to_lose_a_list(
    environment: dict[str, str], own_redis: OwnRedis, keys: Keys, generation: Generation, tmp_path: Path
) -> None:
    url = own_redis.url
    with (
        child_service(tmp_path / "log", environment) as service,
        httpx.Client(base_url=service.url) as http,
        connect(url) as client,
    ):
        sender = Sender(http)
        wait_until(lambda: bool(client.exists(keys.ready(generation.id))), what="lists in Redis")
        wait_until(lambda: "loaded" in (tmp_path / "log").read_text(), what="the log of it")
        _every_kind(sender)
        _visitors(sender, url, keys, generation)
        # Once a list of a hot item is lost, the loading of all of them tells nothing of it any more.
        wait_until(lambda: _lost(client, keys, generation, sender), what="a list that is known to be lost")
        report = _settled(sender, url, keys)
        hits = sum(n for (source, _), n in sender.expected.items() if source in ("cache", "batch"))
        assert report.hit_rate == hits / report.requests
        metrics = _of_metrics(http)
        asked = (
            metrics["hybrid_recs_item_requests_total", "true"],
            metrics["hybrid_recs_item_requests_total", "false"],
        )
        assert asked == (8 + 2 * _tries(sender) + sender.put_back, 4)

        own_redis.kill()
        sender.get(f"item_id={HOT}", "live", "cache_unavailable", 4)
        assert _of_metrics(http)["hybrid_recs_cache_reachable",] == 0
        own_redis.start()
        _settled(sender, url, keys)


def _tries(sender: Sender) -> int:
    return sender.expected["live", "list_missing"] + sender.expected["live", "list_not_loaded"]


def _lost(client: Any, keys: Keys, generation: Generation, sender: Sender) -> bool:
    """Lose a list; whether the worker knew by then that all had been loaded."""
    before = _of_metrics(sender.http)["hybrid_recs_requests_by_cause_total", "list_missing", "live"]
    client.delete(keys.neighbours(generation.id, HOT))
    answer = sender.http.get(f"/recommendations?item_id={HOT}").json()
    if answer["source"] == "cache":  # the list that was lost before was put back at this very moment
        sender.told["cache", ""] += 1
        sender.expected["cache", "hit"] += 1
        sender.put_back += 1
        return False
    assert answer["fallback_reason"] == "list_missing"
    sender.told["live", "list_missing"] += 1
    after = _of_metrics(sender.http)["hybrid_recs_requests_by_cause_total", "list_missing", "live"]
    sender.expected["live", "list_missing" if after > before else "list_not_loaded"] += 1
    sender.get(f"item_id={OTHER_HOT}", "cache", "hit")
    return after > before


def test_rising_items_by_what_became_of_their_list(
    environment: dict[str, str], own_redis: OwnRedis, keys: Keys, generation: Generation, tmp_path: Path
) -> None:
    with (
        child_service(tmp_path / "log", environment) as service,
        httpx.Client(base_url=service.url) as http,
        connect(own_redis.url) as client,
    ):
        sender = Sender(http)
        sender.get(f"item_id={TAIL}", "live", "tail", RISING_AFTER_REQUESTS - 1)
        sender.get(f"item_id={TAIL}", "live", "rising")
        own_list = keys.neighbours(generation.id, TAIL)
        wait_until(lambda: bool(client.exists(own_list)), what="the list of a rising item")
        wait_until(lambda: _of_metrics(http)["hybrid_recs_rising_items",] == 1)
        sender.get(f"item_id={TAIL}", "cache", "hit", 2)
        client.delete(own_list)
        sender.get(f"item_id={TAIL}", "live", "rising_list_missing")
        _settled(sender, own_redis.url, keys)


def test_lists_that_nobody_has_loaded_yet(
    environment: dict[str, str], own_redis: OwnRedis, keys: Keys, generation: Generation, tmp_path: Path
) -> None:
    with connect(own_redis.url) as client:
        client.set(keys.loading(generation.id), 1)  # another process is at it, and never gets done
    with child_service(tmp_path / "log", environment) as service, httpx.Client(base_url=service.url) as http:
        sender = Sender(http)
        sender.get(f"item_id={HOT}", "live", "list_not_loaded", 3)
        assert "whose lists were not in Redis yet" in _settled(sender, own_redis.url, keys).advice


def test_what_another_than_the_published_generation_answers(
    environment: dict[str, str], own_redis: OwnRedis, keys: Keys, index_dir: Path, tmp_path: Path
) -> None:
    log, pointer = tmp_path / "log", index_dir / "CURRENT"
    published = pointer.read_text()
    with child_service(log, environment) as service, httpx.Client(base_url=service.url) as http:
        sender = Sender(http)
        sender.get(f"item_id={TAIL}", "live", "tail", 2)
        pointer.write_text("20990101T000000000000Z")
        wait_until(lambda: "cannot be loaded" in log.read_text(), what="a look at CURRENT")
        sender.get(f"item_id={TAIL}", "live", "tail", 5)
        report = _settled(sender, own_redis.url, keys)
        assert (report.older, report.requests) == (5, 7)
        assert report.generations[0].generation == published.strip()
        assert "is not the published one" in report.advice
        pointer.write_text(published)
        wait_until(lambda: _newer(sender, own_redis.url, keys), what="a second look at CURRENT")


def _newer(sender: Sender, url: str, keys: Keys) -> bool:
    """Whether one more request is not of an older generation any more."""
    before = _of_metrics(sender.http)["hybrid_recs_older_generation_requests_total",]
    sender.get("item_id=nobody", "popular", "unknown_item")
    return _settled(sender, url, keys).older == before


def test_requests_before_there_is_a_generation(
    environment: dict[str, str], own_redis: OwnRedis, keys: Keys, tmp_path: Path
) -> None:
    environment["HYBRID_RECS_INDEX_DIR"] = str(tmp_path / "empty")
    log = tmp_path / "log"
    with (
        child_service(log, environment, path_when_up="/healthz") as service,
        httpx.Client(base_url=service.url) as http,
    ):
        basket = {"items": [{"item_id": HOT}, {"item_id": TAIL}]}
        assert http.get(f"/recommendations?item_id={HOT}").status_code == 503
        assert http.post("/recommendations", json=basket).status_code == 503
        assert http.post("/recommendations/batch", json={"queries": [basket] * 3}).status_code == 503
        wait_until(lambda: _report(own_redis.url, keys).requests == 5, what="all counts in Redis")
        report, metrics = _report(own_redis.url, keys), _of_metrics(http)
    assert [(line.source, line.cause, line.requests) for line in report.causes] == [("none", "not_ready", 5)]
    assert (report.generations[0].generation, report.hit_rate) == ("-", 0)
    assert metrics["hybrid_recs_requests_by_cause_total", "not_ready", "none"] == 5
    assert metrics["hybrid_recs_ready",] == 0


@pytest.mark.parametrize("stranger", [b"", b"\1" * 8 * 7, b"\0" * 100_000])
def test_files_of_another_layout_are_not_counted(tmp_path: Path, stranger: bytes) -> None:
    (tmp_path / "worker-1.bin").write_bytes(stranger)
    counters = SharedCounters(tmp_path)
    (own,) = (path for path in tmp_path.glob("worker-*.bin") if path.name != "worker-1.bin")
    changed = bytearray(own.read_bytes())
    changed[0] ^= 1  # another layout of the same size, with counts
    changed[16:24] = (1_000).to_bytes(8, "little")
    (tmp_path / "worker-2.bin").write_bytes(changed)
    total = counters.total()
    assert total.workers == 1
    assert not any(total.reasons.values())
