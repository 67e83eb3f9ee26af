"""New generations are noticed, swapped without dropping or mixing a request, and refused when damaged."""

import threading
import time
from pathlib import Path

import httpx

from hybrid_recs.cache.keys import Keys
from hybrid_recs.commands import rebuild_index
from hybrid_recs.demo.child_service import child_service
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.settings import Settings
from tests.conftest import quiet_steps
from tests.planted import item_id, write_planted
from tests.services import OwnRedis, wait_until


def _rebuild(dataset: Path, index_dir: Path, own_redis: OwnRedis, keys: Keys) -> Generation:
    settings = Settings(
        index_dir=index_dir, redis_url=own_redis.url, key_prefix=keys.prefix, hot_share=0.5, covisit_weight=1
    )
    return rebuild_index.rebuild(dataset, None, settings, quiet_steps())


def test_starts_without_a_generation_and_becomes_ready(
    environment: dict[str, str], planted: Path, own_redis: OwnRedis, keys: Keys, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    environment["HYBRID_RECS_INDEX_DIR"] = str(empty)
    log = tmp_path / "log"
    with (
        child_service(log, environment, path_when_up="/healthz") as service,
        httpx.Client(base_url=service.url) as http,
    ):
        for path in ("/readyz", "/recommendations?item_id=x", "/items/x"):
            answer = http.get(path)
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "not_ready"
            assert answer.headers["retry-after"] == "1"
        assert "no generation" in log.read_text()
        built = _rebuild(planted, empty, own_redis, keys)
        wait_until(lambda: http.get("/readyz").status_code == 200, seconds=2, what="ready within 2 s")
        assert http.get("/readyz").json()["generation"] == built.id


def test_swap_under_load_drops_and_mixes_nothing(
    environment: dict[str, str], index_dir: Path, own_redis: OwnRedis, keys: Keys, tmp_path: Path
) -> None:
    """The second catalogue has other titles, so that an answer made of two generations shows.

    Hot items are answered from the local cache, tail items by search and, as rising items, from Redis.
    """
    environment["HYBRID_RECS_LOCAL_CACHE_MB"] = "64"
    second = write_planted(tmp_path / "second", seed=9)
    items = second.with_name("items.csv")
    items.write_text(items.read_text().replace("Thing", "Object"))
    answers: list[tuple[float, str, str]] = []
    failures: list[str] = []
    done = threading.Event()

    with child_service(tmp_path / "log", environment) as service:

        def ask(number: int) -> None:
            with httpx.Client(base_url=service.url) as http:
                while not done.is_set():
                    requested = item_id(number, (0, 29)[number % 2])
                    response = http.get("/recommendations", params={"item_id": requested})
                    if response.status_code != 200:
                        failures.append(response.text)
                        continue
                    body = response.json()
                    words = {item["title"].split()[0] for item in body["items"]}
                    answers.append((time.monotonic(), body["generation"], "/".join(sorted(words))))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        first = GenerationStore(index_dir).current()
        time.sleep(0.3)
        built = _rebuild(second, index_dir, own_redis, keys)
        published = time.monotonic()
        wait_until(lambda: bool(answers) and answers[-1][1] == built.id, what="answers from the new one")
        time.sleep(0.3)
        GenerationStore(index_dir).publish(str(first), "rolled back")
        wait_until(lambda: answers[-1][1] == first, what="answers from the old one again")
        done.set()
        for thread in threads:
            thread.join()

    assert failures == []
    assert {(generation, words) for _, generation, words in answers} == {
        (first, "Thing"),
        (built.id, "Object"),
    }
    noticed = next(at for at, generation, _ in answers if generation == built.id)
    assert noticed - published < 2


def test_a_damaged_generation_is_not_served(
    environment: dict[str, str],
    planted: Path,
    index_dir: Path,
    own_redis: OwnRedis,
    keys: Keys,
    tmp_path: Path,
) -> None:
    store = GenerationStore(index_dir)
    first = store.require_current()
    log = tmp_path / "log"
    with child_service(log, environment) as service, httpx.Client(base_url=service.url) as http:
        second = _rebuild(planted, tmp_path / "elsewhere", own_redis, keys).id
        damaged = GenerationStore(tmp_path / "elsewhere").path(second)
        (damaged / "index.faiss").write_bytes(b"damaged")
        damaged.rename(index_dir / "generations" / second)
        store.publish(second)
        wait_until(lambda: "cannot be loaded" in log.read_text(), what="the log line")
        answer = http.get("/recommendations", params={"item_id": item_id(0, 29)})
        assert answer.status_code == 200
        assert answer.json()["generation"] == first
