"""The page is served completely, cached by browsers and self-contained; its endpoints return the right
values."""

import gzip
import re
from pathlib import Path

import httpx
import pytest

from hybrid_recs.demo.child_service import ChildService, child_service
from hybrid_recs.generation.generation import Generation
from tests.paths import ROOT
from tests.planted import NEVER_BOUGHT, item_id
from tests.services import OwnRedis, wait_until

FILES = ROOT / "hybrid_recs" / "online" / "http" / "page"
MAX_BYTES = 20_000


def _parts(http: httpx.Client) -> list[str]:
    """The addresses that the page names."""
    return list(dict.fromkeys(re.findall(r'(?:href|src)="(page/[^"]+)"', http.get("/").text)))


def test_the_page_is_small_and_of_this_host_only(http: httpx.Client) -> None:
    page = http.get("/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    parts = _parts(http)
    assert {Path(part).name for part in parts} == {f.name for f in FILES.iterdir()} - {"index.html"}
    answers = [page, *(http.get(f"/{part}") for part in parts)]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert sum(int(answer.headers["content-length"]) for answer in answers) < MAX_BYTES
    for answer in answers:
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["x-content-type-options"] == "nosniff"
        # The name space of SVG is no address, and is fetched from nowhere.
        assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+", answer.text.replace("//www.w3.org", "")) == []


def test_uncompressed_on_request(http: httpx.Client) -> None:
    plain = http.get("/", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == http.get("/").text
    with http.stream("GET", "/") as answer:
        assert gzip.decompress(b"".join(answer.iter_raw())) == plain.content


def test_browsers_may_cache_it(http: httpx.Client) -> None:
    page = http.get("/")
    assert page.headers["cache-control"] == "no-cache"
    again = http.get("/", headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", page.headers["etag"])
    assert http.get("/", headers={"if-none-match": '"another"'}).status_code == 200
    part = _parts(http)[0]
    assert "immutable" in http.get(f"/{part}").headers["cache-control"]
    version = part.split("/")[1]
    other = part.replace(version, "0" * len(version))
    assert http.get(f"/{other}").status_code == 404
    assert http.get(f"/page/{version}/index.html").status_code == 404
    assert http.get(f"/page/{version}/..%2Fapi.py").status_code == 404


def test_items_by_a_part_of_their_title(http: httpx.Client, generation: Generation) -> None:
    catalogue = generation.catalogue
    answer = http.get("/items", params={"q": "of THING world 4", "k": 100})
    assert answer.headers["server-timing"].startswith("find;dur=")
    items = answer.json()["items"]
    # "Thing 4 of world 0" has all these words as well.
    expected = [item_id(4, place) for place in range(30)] + [
        item_id(world, place) for world in range(8) for place in (4,) if world != 4
    ]
    assert sorted(item["item_id"] for item in items) == sorted(expected)
    popularity = [item["popularity"] for item in items]
    assert popularity == sorted(popularity, reverse=True)
    row = catalogue.row(items[0]["item_id"])
    assert row is not None
    assert items[0] == {
        "item_id": catalogue.item_id(row),
        "title": catalogue.title(row),
        "categories": catalogue.categories_of(row),
        "popularity": float(catalogue.popularity[row]),
        "available": True,
    }
    assert http.get("/items", params={"q": "of thing world 4", "k": 3}).json()["items"] == items[:3]


def test_an_exact_id_comes_first(http: httpx.Client) -> None:
    items = http.get("/items", params={"q": f" {NEVER_BOUGHT[0]} "}).json()["items"]
    assert [item["item_id"] for item in items] == [NEVER_BOUGHT[0]]
    assert http.get("/items", params={"q": "no such thing"}).json() == {"items": []}
    assert http.get("/items").json() == {"items": []}
    assert http.get("/items", params={"q": "x", "k": 0}).status_code == 422


def test_items_by_ids(http: httpx.Client) -> None:
    ids = [item_id(3, 2), "unknown", item_id(0, 0), item_id(3, 2)]
    items = http.get("/items", params={"item_id": ids}).json()["items"]
    assert [(item["item_id"], item["title"]) for item in items] == [
        (item_id(3, 2), "Thing 2 of world 3"),
        (item_id(0, 0), "Thing 0 of world 0"),
    ]


def test_new_and_hidden_items_are_found(service: ChildService) -> None:
    with httpx.Client(base_url=service.url) as http:
        http.put("/items/new-1", json={"title": "A Thing quite unlike", "categories": ["world 2"]})
        http.put(f"/items/{item_id(2, 0)}", json={"available": False})
        first = http.get("/items", params={"q": "thing unlike"}).json()["items"]
        assert [(item["item_id"], item["popularity"]) for item in first] == [("new-1", 0.0)]
        (hidden,) = http.get("/items", params={"item_id": item_id(2, 0)}).json()["items"]
        assert hidden["available"] is False
        assert http.get("/status").json()["generation"]["new_items"] == 1


def test_status(service: ChildService, generation: Generation, own_redis: OwnRedis) -> None:
    manifest = generation.manifest
    with httpx.Client(base_url=service.url, timeout=10) as http:
        before = http.get("/status").json()
        assert before["generation"] == {
            "id": generation.id,
            "created": manifest.created,
            "dataset": manifest.dataset.name,
            "items": manifest.items,
            "with_vector": manifest.vectors,
            "hot_items": manifest.hot_items,
            "hidden_items": 0,
            "new_items": 0,
            "index": {
                "kind": "exact",
                "recall": manifest.index.search[0].recall,
                "milliseconds": manifest.index.search[0].milliseconds,
            },
            "quality": manifest.quality,
        }
        assert (before["workers"], before["cache_available"], before["served"]) == (1, True, {})
        for _ in range(3):
            http.get("/recommendations", params={"item_id": item_id(0, 29)})
        http.get("/recommendations", params={"item_id": "unknown"})
        event = {"event_id": "1", "type": "view", "session_id": "s", "item_id": item_id(0, 0)}
        assert http.post("/events", json=event, headers={"origin": service.url}).status_code == 202
        after = http.get("/status").json()
        assert after["served"] == {"live": 3, "popular": 1}
        assert (after["events"]["accepted"], after["events"]["waiting"]) == (1, 1)
        own_redis.kill()
        wait_until(lambda: http.get("/status").json()["cache_available"] is False, what="Redis is missed")
        assert http.get("/status").json()["events"] is None


def test_before_there_is_a_generation(environment: dict[str, str], tmp_path: Path) -> None:
    nothing = environment | {"HYBRID_RECS_INDEX_DIR": str(tmp_path / "none")}
    with (
        child_service(tmp_path / "log", nothing, path_when_up="/healthz") as service,
        httpx.Client(base_url=service.url) as http,
    ):
        assert http.get("/").status_code == 200
        assert http.get("/status").json()["generation"] is None
        assert http.get("/items", params={"q": "a"}).json()["error"]["code"] == "not_ready"


@pytest.mark.parametrize("path", [FILES / "index.html", *FILES.glob("*.js")])
def test_nothing_inline_that_the_policy_forbids(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<style|<script(?![^>]*src=)|\son\w+=\"|\sstyle=", text)
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(", text)
