"""GET /recommendations over a real socket, values against the planted worlds and the generation on disk."""

import httpx
import pytest

from hybrid_recs.generation.generation import Generation
from tests.planted import NEVER_BOUGHT, item_id, world_of

HOT, TAIL = item_id(2, 0), item_id(2, 29)


def _ids(answer: httpx.Response) -> list[str]:
    return [item["item_id"] for item in answer.json()["items"]]


def test_hot_item_is_answered_from_the_cache(http: httpx.Client, generation: Generation) -> None:
    answer = http.get("/recommendations", params={"item_id": HOT, "k": 10})
    body = answer.json()
    assert (body["item_id"], body["generation"]) == (HOT, generation.id)
    assert (body["source"], body["fallback_reason"]) == ("cache", None)
    row = generation.catalogue.row(HOT)
    assert row is not None
    stored = generation.hot.neighbours(row)
    assert stored is not None
    assert _ids(answer) == [generation.catalogue.item_id(r) for r in stored.head(10).rows.tolist()]
    assert [item["score"] for item in body["items"]] == pytest.approx(stored.head(10).scores, abs=1e-4)
    assert {world_of(item) for item in _ids(answer)} == {2}
    assert body["items"][0]["title"].endswith("of world 2")


def test_tail_item_is_answered_live(http: httpx.Client) -> None:
    answer = http.get("/recommendations", params={"item_id": TAIL, "k": 10})
    assert (answer.json()["source"], answer.json()["fallback_reason"]) == ("live", None)
    assert {world_of(item) for item in _ids(answer)} == {2}
    name, _, milliseconds = answer.headers["server-timing"].partition(";dur=")
    assert name == "live"
    assert 0 < float(milliseconds) < 1_000


def test_k_is_ten_by_default_and_all_items_come_once(http: httpx.Client) -> None:
    assert len(_ids(http.get("/recommendations", params={"item_id": HOT}))) == 10
    everything = _ids(http.get("/recommendations", params={"item_id": TAIL, "k": 100}))
    assert len(everything) == len(set(everything)) == 100
    assert TAIL not in everything


def test_excluded_items_never_come_and_never_shorten(http: httpx.Client) -> None:
    first = _ids(http.get("/recommendations", params={"item_id": HOT, "k": 10}))
    answer = http.get("/recommendations", params={"item_id": HOT, "k": 10, "exclude": first[:5]})
    assert answer.json()["source"] == "cache"
    assert _ids(answer)[:5] == first[5:]
    assert len(_ids(answer)) == 10


def test_list_too_short_after_exclusions_is_searched_live(http: httpx.Client) -> None:
    first = _ids(http.get("/recommendations", params={"item_id": HOT, "k": 20}))
    answer = http.get("/recommendations", params={"item_id": HOT, "k": 100, "exclude": first})
    assert (answer.json()["source"], answer.json()["fallback_reason"]) == ("live", "list_too_short")
    assert len(_ids(answer)) == 100
    assert not set(first) & set(_ids(answer))


def test_unknown_item_gets_popular_items_or_404(http: httpx.Client, generation: Generation) -> None:
    answer = http.get("/recommendations", params={"item_id": "no such thing", "k": 3})
    assert (answer.json()["source"], answer.json()["fallback_reason"]) == ("popular", "unknown_item")
    popular = [generation.catalogue.item_id(r) for r in generation.catalogue.by_popularity[:3].tolist()]
    assert _ids(answer) == popular
    refused = http.get("/recommendations", params={"item_id": "no such thing", "on_unknown": "error"})
    assert refused.status_code == 404
    assert refused.json()["error"]["code"] == "unknown_item"


def test_item_without_interactions_gets_popular_items(http: httpx.Client) -> None:
    answer = http.get("/recommendations", params={"item_id": NEVER_BOUGHT[0]})
    assert (answer.json()["source"], answer.json()["fallback_reason"]) == ("popular", "no_vector")
    assert len(_ids(answer)) == 10


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("item_id=", "item_id"),
        (f"item_id={'x' * 257}", "item_id"),
        (f"item_id={HOT}&k=0", "k"),
        (f"item_id={HOT}&k=101", "k"),
        (f"item_id={HOT}&k=ten", "k"),
        (f"item_id={HOT}&k=1.5", "k"),
        (f"item_id={HOT}&on_unknown=shrug", "on_unknown"),
        (f"item_id={HOT}&exclude={'x' * 257}", "exclude"),
        (f"item_id={HOT}&" + "&".join(f"exclude={i}" for i in range(501)), "exclude"),
    ],
)
def test_bad_input_is_refused_by_name(http: httpx.Client, query: str, parameter: str) -> None:
    answer = http.get(f"/recommendations?{query}")
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert (error["code"], error["parameter"]) == ("invalid_parameter", parameter)
    assert error["message"].startswith(f"{parameter}: ")


@pytest.mark.parametrize("odd", ["%00", "%ff%fe", "a%2Fb", "%F0%9F%91%9F", "+", "'\"--", "%ED%A0%80"])
def test_odd_ids_are_unknown_items_and_no_fault(http: httpx.Client, odd: str) -> None:
    assert http.get(f"/recommendations?item_id={odd}").json()["fallback_reason"] == "unknown_item"
    assert http.get(f"/items/{odd}").status_code == 404


def test_item_details(http: httpx.Client) -> None:
    body = http.get(f"/items/{HOT}").json()
    assert body["title"] == "Thing 0 of world 2"
    assert body["categories"] == ["world 2", "all"]
    assert body["hot"] is True
    assert body["popularity"] > http.get(f"/items/{TAIL}").json()["popularity"] > 0
    assert http.get(f"/items/{TAIL}").json()["hot"] is False


def test_operations(http: httpx.Client, generation: Generation) -> None:
    assert http.get("/healthz").json() == {"status": "ok"}
    ready = http.get("/readyz").json()
    assert {name: ready[name] for name in ("status", "generation", "cache", "health")} == {
        "status": "ready",
        "generation": generation.id,
        "cache": "available",
        "health": "up",
    }
    assert [(one["name"], one["state"], one["error"], one["failing"]) for one in ready["dependencies"]] == [
        (name, "up", None, []) for name in ("redis", "generations", "item_changes")
    ]
    assert http.get("/docs").status_code == 200
    assert http.get("/nothing").json()["error"]["code"] == "not_found"
    assert http.put("/recommendations").json()["error"]["code"] == "method_not_allowed"


def test_openapi_examples_have_the_described_shape(http: httpx.Client) -> None:
    description = http.get("/openapi.json").json()
    content = description["paths"]["/recommendations"]["get"]["responses"]["200"]["content"][
        "application/json"
    ]
    answer = http.get("/recommendations", params={"item_id": HOT}).json()
    assert content["example"].keys() == answer.keys()
    assert content["example"]["items"][0].keys() == answer["items"][0].keys()
