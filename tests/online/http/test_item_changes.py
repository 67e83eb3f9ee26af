"""New and hidden items over HTTP with two workers: when they take effect, and how long they last."""

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.commands import rebuild_index
from hybrid_recs.demo.child_service import child_service
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.settings import Settings
from tests.builders import publish_copy
from tests.conftest import quiet_steps
from tests.online.workers import Worker, each_worker
from tests.planted import item_id, world_of
from tests.services import OwnRedis, wait_until

HOT, TAIL = item_id(0, 0), item_id(0, 29)
# The documented limit is one second, which benchmarks/hidden_item.py measures; tests also run on crowded
# machines.
WITHIN = 3.0
NEW = "new/1 é"


def _soon(condition: Callable[[], bool], what: str) -> None:
    wait_until(condition, WITHIN, what)


def _hide(worker: Worker, item: str) -> None:
    response = worker.ask("DELETE", f"/items/{quote(item)}")
    assert (response.status, response.body["available"]) == (200, False)


def _vector_of(generation: Generation, item: str) -> list[float]:
    row = generation.catalogue.row(item)
    assert row is not None
    vector: list[float] = generation.scorer.vectors[row].tolist()
    return vector


@pytest.fixture
def two_workers(environment: dict[str, str]) -> dict[str, str]:
    """Settings with the caches that a service has by default."""
    return environment | {"HYBRID_RECS_LOCAL_CACHE_MB": "64", "HYBRID_RECS_FLUSH_SECONDS": "1"}


def test_hidden_and_new_items_are_everywhere_soon(
    two_workers: dict[str, str], generation: Generation, own_redis: OwnRedis, keys: Keys, tmp_path: Path
) -> None:
    with (
        child_service(tmp_path / "log", two_workers, workers=2) as service,
        each_worker(service) as (first, other),
    ):
        both = first, other
        sources = {
            item: first.ask("GET", f"/recommendations?item_id={item}").body["source"] for item in (HOT, TAIL)
        }
        assert sources == {HOT: "cache", TAIL: "live"}
        shared = set(first.list_of(HOT, 20)) & set(first.list_of(TAIL, 20))
        gone, gone_too = sorted(shared)[:2]
        for worker in both:  # into the local caches
            assert {gone, gone_too} <= set(worker.list_of(HOT, 20))
            assert {gone, gone_too} <= set(worker.list_of(TAIL, 20))

        _hide(first, gone)
        assert gone not in first.list_of(HOT, 20) + first.list_of(TAIL, 20)
        _soon(lambda: gone not in other.list_of(HOT, 20), "hidden on the other worker")
        for worker in both:
            for item in (HOT, TAIL):
                for k in (5, 20, 100):
                    recommended = worker.list_of(item, k)
                    assert gone not in recommended
                    assert len(set(recommended)) == k
            assert gone not in worker.list_of("unknown", 100)  # popular items
            assert len(worker.list_of(gone)) == 10  # still queried
            response = worker.ask("GET", f"/items/{gone}").body
            assert (response["available"], response["placed"]) == (False, "interactions")
        _hide(other, gone)
        unknown = first.ask("DELETE", "/items/nobody%2Fknows")
        assert (unknown.status, unknown.body["error"]["code"]) == (404, "unknown_item")
        assert first.ask("PUT", "/items/nobody", {"available": False}).status == 404

        with connect(own_redis.url) as client:
            for name in (keys.session("s"), keys.user("u")):
                client.lpush(name, f"1-0 {TAIL}", f"2-0 {HOT}")
        for worker in both:
            for asked_by in (
                f"item_id={HOT}&item_id={TAIL}",
                "session_id=s",
                "user_id=u",
                "category=world%200",
            ):
                response = worker.ask("GET", f"/recommendations?k=25&{asked_by}").body
                recommended = [item["item_id"] for item in response["items"]]
                assert gone_too in recommended, asked_by
                assert gone not in recommended, asked_by
                assert len(set(recommended)) == 25

        own_redis.kill()
        _hide(first, gone_too)
        _soon(lambda: gone_too not in other.list_of(HOT, 20), "hidden while Redis is down")

        vector = [3 * number for number in _vector_of(generation, HOT)]
        put = other.ask(
            "PUT", f"/items/{quote(NEW)}", {"title": "New", "categories": ["x"], "vector": vector}
        )
        assert put.status == 201
        assert put.body == {
            "item_id": NEW,
            "available": True,
            "placed": "vector",
            "generation": generation.id,
        }
        assert NEW in other.list_of(HOT, 40)
        _soon(lambda: NEW in first.list_of(HOT, 40), "recommended by the other worker")
        for worker in both:
            answer = worker.ask("GET", f"/recommendations?item_id={quote(NEW)}&k=40").body
            assert answer["source"] == "content"
            assert answer["items"][0]["item_id"] == HOT  # of the same vector
            assert not {NEW, gone, gone_too} & {item["item_id"] for item in answer["items"]}
            assert worker.ask("GET", f"/items/{quote(NEW)}").body == {
                "item_id": NEW, "title": "New", "categories": ["x"], "popularity": 0.0, "hot": False,
                "available": True, "placed": "vector", "listed_as": None,
            }  # fmt: skip
        _hide(first, NEW)
        _soon(lambda: NEW not in other.list_of(HOT, 40), "the new item is hidden")
        again = other.ask("PUT", f"/items/{quote(NEW)}", {"available": True})
        assert (again.status, again.body["placed"]) == (200, "vector")
        assert NEW in other.list_of(HOT, 40)
        words = {"title": "Thing 77 of world 2", "categories": ["world 2", "all"]}
        put = other.ask("PUT", "/items/in-words", words)
        assert (put.status, put.body["placed"]) == (201, "content")
        _soon(lambda: first.ask("GET", "/items/in-words").status == 200, "known to the other worker")
        for worker in both:
            near = worker.list_of("in-words", 10)
            assert {world_of(item) for item in near} == {2}
            assert "in-words" in worker.list_of(near[0], 40)
        nowhere = first.ask("PUT", "/items/nowhere", {"title": "☃"})
        assert (nowhere.status, nowhere.body["placed"]) == (201, "not placed")
        answer = first.ask("GET", "/recommendations?item_id=nowhere").body
        assert (answer["source"], answer["fallback_reason"]) == ("popular", "no_vector")


def test_kept_across_restarts_and_generations_until_said_otherwise(
    two_workers: dict[str, str],
    planted: Path,
    index_dir: Path,
    generation: Generation,
    own_redis: OwnRedis,
    keys: Keys,
    tmp_path: Path,
) -> None:
    log, gone = tmp_path / "log", item_id(0, 1)
    with child_service(log, two_workers) as service, each_worker(service, 1) as (worker,):
        assert gone in worker.list_of(HOT, 20)
        _hide(worker, gone)
        vector = _vector_of(generation, HOT)
        assert worker.ask("PUT", f"/items/{quote(NEW)}", {"title": "New", "vector": vector}).status == 201
    with child_service(log, two_workers) as service, each_worker(service, 1) as (worker,):
        seen: list[tuple[str, bool, bool]] = []

        def ask() -> str:
            body = worker.ask("GET", f"/recommendations?item_id={HOT}&k=40").body
            ids = [item["item_id"] for item in body["items"]]
            seen.append((body["generation"], gone in ids, NEW in ids))
            return str(body["generation"])

        ask()
        publish_copy(GenerationStore(index_dir), "copy")
        wait_until(lambda: ask() == "copy", what="the copy serves")
        assert {(hidden, new) for _, hidden, new in seen} == {(False, True)}

        settings = Settings(
            index_dir=index_dir, redis_url=own_redis.url, key_prefix=keys.prefix, hot_share=0.5,
            covisit_weight=1, tilt=0.05, steps=2,
        )  # fmt: skip
        built: list[Generation] = []
        rebuild = threading.Thread(
            target=lambda: built.append(
                rebuild_index.rebuild(planted, None, settings, quiet_steps(), force=True)
            )
        )
        rebuild.start()
        while rebuild.is_alive():
            ask()
            time.sleep(0.01)
        rebuild.join()
        wait_until(lambda: ask() == built[0].id, what="the rebuild serves")
        assert not any(hidden for _, hidden, _ in seen)
        assert all(new for serving, _, new in seen if serving != built[0].id)
        # Folded in: of the catalogue now, without the vector of the space that was.
        assert built[0].catalogue.row(NEW) is not None
        response = worker.ask("GET", f"/items/{quote(NEW)}").body
        assert (response["title"], response["placed"] in ("content", "not placed")) == ("New", True)

        assert worker.ask("PUT", f"/items/{gone}", {"available": True}).body["available"] is True
        assert gone in worker.list_of(HOT, 20)
        GenerationStore(index_dir).publish(generation.id, "rolled back")
        wait_until(lambda: ask() == generation.id, what="the first generation serves again")
        assert seen[-1][1:] == (True, True)


def test_who_may_write_and_how_much_also_while_the_store_is_damaged(
    environment: dict[str, str], index_dir: Path, tmp_path: Path
) -> None:
    (index_dir / "items.sqlite").write_bytes(b"damaged" * 1_000)
    key = "a-key-of-twenty-chars"
    environment |= {
        "HYBRID_RECS_API_KEYS": f"another-key-of-the-shop,{key}",
        "HYBRID_RECS_MAX_BODY_MB": "0.02",
        "HYBRID_RECS_WRITES_PER_SECOND": "5",
        "HYBRID_RECS_MAX_NEW_ITEMS": "1",
    }
    log = tmp_path / "log"
    with child_service(log, environment) as service, each_worker(service, 1) as (worker,):
        path = f"/items/{HOT}"
        for method, body in (("DELETE", None), ("PUT", {"title": "x"})):
            refused = worker.ask(method, path, body)
            assert (refused.status, refused.body["error"]["code"]) == (401, "key_needed")
        assert worker.ask("GET", path).body["available"] is True
        damaged = worker.ask("DELETE", path, x_api_key=key)
        assert (damaged.status, damaged.body["error"]["code"]) == (503, "item_changes_unavailable")
        assert "move items.sqlite* away" in damaged.body["error"]["message"]
        time.sleep(0.6)  # two more looks
        assert log.read_text().count("item_changes is degraded (read): ") == 1
        assert HOT in worker.list_of(TAIL, 100)
        (index_dir / "items.sqlite").unlink()
        assert worker.ask("DELETE", path, x_api_key=key).status == 200
        assert HOT not in worker.list_of(TAIL, 100)

        def put(body: object, item: str = "x") -> tuple[int, str | None]:
            while (response := worker.ask("PUT", f"/items/{item}", body, authorization=f"Bearer {key}"))[
                0
            ] == 429:
                limited.append(response.body["error"]["code"])
                time.sleep(0.2)
            return response.status, response.body.get("error", {}).get("parameter")

        limited: list[str] = []
        assert put({}) == (422, "body")
        assert put({"titel": "x"}) == (422, "titel")
        assert put({"available": "yes"}) == (422, "available")
        assert put({"categories": ["a"] * 51}) == (422, "categories")
        assert put({"title": "x" * 10_001}) == (422, "title")
        assert put({"vector": [1.0, 2.0]}) == (422, "vector")
        assert put({"title": "x"}, "x" * 257) == (422, "item_id")
        assert put({"title": "x"}) == (201, None)
        assert put({"title": "y"}, "y") == (422, None)  # one new item is what may wait for a rebuild
        assert set(limited) == {"too_many_writes"}

        with socket.create_connection(("127.0.0.1", service.port), timeout=5) as wire:
            wire.sendall(b"POST /recommendations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            wire.sendall(b"%x\r\n%b\r\n" % (30_000, b"x" * 30_000))  # and no end
            chunked = b"".join(iter(lambda: wire.recv(10_000), b""))  # until it is hung up
            assert chunked.startswith(b"HTTP/1.1 413 ")
            assert b'"code":"body_too_large"' in chunked
        too_long = worker.ask("POST", "/recommendations", {"title": "x" * 20_000})
        assert (too_long.status, too_long.body["error"]["code"]) == (413, "body_too_large")
        assert key not in log.read_text()
