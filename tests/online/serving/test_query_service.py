"""Questions of every kind over HTTP: their answers are the recommender's, their errors name what is wrong."""

from typing import Any

import httpx
import numpy as np
import pytest
import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.user_list_codec import StoredUserList, encode_user_list
from hybrid_recs.events.session_list import SessionList
from hybrid_recs.generation.generation import Generation
from hybrid_recs.ranking.recommender import Recommender, ResolvedQuery
from tests.planted import NEVER_BOUGHT, item_id, world_of

BUILT = Keys("built")


def _ask(http: httpx.Client, **question: Any) -> dict[str, Any]:
    answer = http.post("/recommendations", json=question)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def _ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def _rows(generation: Generation, *ids: str) -> list[int]:
    return [row for one in ids if (row := generation.catalogue.row(one)) is not None]


def test_a_basket_is_answered_by_all_its_items(http: httpx.Client, generation: Generation) -> None:
    basket = [item_id(1, 3), item_id(2, 4), "no such item", item_id(1, 3)]
    answer = http.get("/recommendations", params={"item_id": basket, "k": 20}).json()
    recommender = Recommender(generation)
    items = recommender.weighted_items(_rows(generation, basket[0], basket[1]), [2.0, 1.0])
    rows = _rows(generation, *basket[:2])
    expected = recommender.answer_query(ResolvedQuery(items, 20, frozenset(rows))).neighbours.rows.tolist()
    assert _ids(answer) == [generation.catalogue.item_id(row) for row in expected]
    assert (answer["source"], answer["fallback_reason"]) == ("live", None)
    assert answer["unknown_items"] == ["no such item"]
    assert {world_of(item) for item in _ids(answer)} == {1, 2}
    posted = _ask(http, items=[{"item_id": one} for one in basket], k=20)
    assert posted["items"] == answer["items"]
    assert posted["recommendation_id"] != answer["recommendation_id"]


def test_one_item_is_answered_alike_however_it_is_asked_for(http: httpx.Client) -> None:
    got = http.get("/recommendations", params={"item_id": item_id(1, 0)}).json()
    assert got["source"] == "cache"
    assert _ask(http, items=[{"item_id": item_id(1, 0)}]) == got


def test_what_weighs_less_than_nothing_pushes_back(http: httpx.Client) -> None:
    mixed = _ask(http, items=[{"item_id": item_id(1, 0)}, {"item_id": item_id(2, 0), "weight": -1.0}], k=25)
    assert {world_of(item) for item in _ids(mixed)} == {1}


def test_a_vector_gets_what_lies_near_it(http: httpx.Client, generation: Generation) -> None:
    row = _rows(generation, item_id(5, 0))[0]
    vector = (3 * generation.scorer.vectors[row]).tolist()
    answer = _ask(http, vector=vector, k=12)
    assert _ids(answer)[0] == item_id(5, 0)
    expected = Recommender(generation)
    near = expected.answer_query(
        ResolvedQuery(expected.weighted_items((), (), generation.scorer.vectors[row]), 12)
    )
    assert _ids(answer) == [generation.catalogue.item_id(one) for one in near.neighbours.rows.tolist()]


@pytest.mark.parametrize("vector", [[1.0, 2.0], [0.0] * 20, []])
def test_a_vector_that_does_not_fit_is_refused(http: httpx.Client, vector: list[float]) -> None:
    answer = http.post("/recommendations", json={"vector": vector})
    assert answer.status_code == 422
    assert answer.json()["error"]["parameter"] == "vector"
    assert "numbers, not all 0, are needed" in answer.json()["error"]["message"]


def test_filters_exclusions_and_variety(http: httpx.Client) -> None:
    items = [{"item_id": item_id(1, 0)}]
    only = _ask(http, items=items, categories={"any": ["world 3", "world 4"], "not": ["world 4"]}, k=10)
    assert {world_of(item) for item in _ids(only)} == {3}
    first = _ids(only)[:3]
    less = _ask(http, items=items, categories={"all": ["world 3", "all"]}, k=10, exclude=first)
    assert _ids(less)[:7] == _ids(only)[3:]
    got = http.get("/recommendations", params={"item_id": item_id(1, 0), "category": "world 3", "k": 10})
    assert _ids(got.json()) == _ids(only)
    varied = _ask(http, items=items, diversity=0.9, k=10)
    assert len({world_of(item) for item in _ids(varied)}) > 1
    assert _ids(varied)[0] == _ids(_ask(http, items=items, k=10))[0]
    capped = _ask(http, items=items, categories={"not": ["all"]}, max_per_category=2, k=10)
    assert capped["items"] == []  # everything is in "all"


def test_a_new_visitor_gets_popular_items_of_what_interests(http: httpx.Client) -> None:
    got = http.get("/recommendations", params={"interests": ["world 6"], "k": 40}).json()
    assert (got["source"], got["fallback_reason"]) == ("popular", "nothing_known")
    assert [world_of(item) for item in _ids(got)[:30]] == [6] * 30
    assert 6 not in {world_of(item) for item in _ids(got)[30:]}
    assert len(set(_ids(got))) == 40
    nothing = http.get("/recommendations").json()
    assert (nothing["source"], nothing["fallback_reason"]) == ("popular", "nothing_known")
    assert _ids(_ask(http)) == _ids(nothing)
    known = _ask(http, items=[{"item_id": item_id(1, 0)}], interests=["world 6"])
    assert {world_of(item) for item in _ids(known)} == {1}


def test_unknown_items_are_skipped_or_an_error(http: httpx.Client) -> None:
    items = [{"item_id": item_id(1, 0)}, {"item_id": "nope"}]
    assert _ask(http, items=items)["unknown_items"] == ["nope"]
    answer = http.post("/recommendations", json={"items": items, "on_unknown": "error"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_item")
    only = _ask(http, items=[{"item_id": "nope"}, {"item_id": "neither"}])
    assert (only["source"], only["fallback_reason"]) == ("popular", "unknown_item")


def test_a_session_is_answered_by_its_latest_items(
    http: httpx.Client, generation: Generation, client: redis.Redis
) -> None:
    key = BUILT.session("s-asking")
    for number, one in enumerate((item_id(1, 0), item_id(2, 2), "gone", item_id(2, 3))):
        client.lpush(key, f"17000000{number}-0 {one}")
    client.expire(key, 60)
    answer = http.get("/recommendations", params={"session_id": "s-asking", "k": 15}).json()
    rows = np.array(_rows(generation, item_id(1, 0), item_id(2, 2), item_id(2, 3)), np.int64)
    expected = Recommender(generation).answer_session(rows, 15).neighbours.rows.tolist()
    assert _ids(answer) == [generation.catalogue.item_id(row) for row in expected]
    assert (answer["source"], answer["fallback_reason"]) == ("live", None)
    other = _ask(http, session_id="s-asking", items=[{"item_id": item_id(7, 0), "weight": 5}], k=10)
    assert 7 in {world_of(item) for item in _ids(other)}
    nobody = http.get("/recommendations", params={"session_id": "never seen"}).json()
    assert (nobody["source"], nobody["fallback_reason"]) == ("popular", "nothing_known")


def test_what_was_pushed_for_a_session_answers_until_something_happens(
    http: httpx.Client, generation: Generation, client: redis.Redis
) -> None:
    recommender, name = Recommender(generation), "s-pushed"
    rows = np.array(_rows(generation, item_id(3, 0)), np.int64)
    client.lpush(BUILT.session(name), f"1700000000-0 {item_id(3, 0)}")
    live = http.get("/recommendations", params={"session_id": name}).json()
    assert live["source"] == "live"
    pushed = SessionList.from_answer(recommender.answer_session(rows, 100), "1700000000-0", recommender)
    client.set(BUILT.session_list(name), pushed.encoded(), ex=60)
    cached = http.get("/recommendations", params={"session_id": name}).json()
    assert (cached["source"], cached["items"]) == ("cache", live["items"])
    left = http.get("/recommendations", params={"session_id": name, "exclude": _ids(live)[0], "k": 9}).json()
    assert (left["source"], left["items"]) == ("cache", live["items"][1:])
    only = _ask(http, session_id=name, categories={"any": ["world 3"]}, k=8)
    expected = [one for one in live["items"] if world_of(one["item_id"]) == 3]
    assert (only["source"], only["items"][: len(expected)][:8]) == ("cache", expected[:8])
    assert _ask(http, session_id=name, diversity=0.5)["source"] == "live"
    client.lpush(BUILT.session(name), f"1700000001-0 {item_id(4, 0)}")
    assert http.get("/recommendations", params={"session_id": name}).json()["source"] == "live"
    client.set(BUILT.session_list(name), b"{damaged", ex=60)
    assert http.get("/recommendations", params={"session_id": name}).json()["source"] == "live"
    client.delete(BUILT.session(name), BUILT.session_list(name))


def test_a_user_gets_the_stored_list_until_something_happens(
    http: httpx.Client, generation: Generation, client: redis.Redis
) -> None:
    recommender, name = Recommender(generation), "u-stored"
    history = np.array(_rows(generation, item_id(1, 3), item_id(1, 4)), np.int64)
    stored = recommender.answer_user(history, 100).neighbours
    key = BUILT.user_list(generation.id, name)
    client.set(key, encode_user_list(StoredUserList(stored, history, 1_700_000_000)), ex=60)
    answer = http.get("/recommendations", params={"user_id": name, "k": 12}).json()
    assert (answer["source"], answer["fallback_reason"]) == ("batch", None)
    assert _ids(answer) == [generation.catalogue.item_id(row) for row in stored.head(12).rows.tolist()]
    client.lpush(BUILT.user(name), f"1700000009-0 {item_id(1, 4)}")  # known already
    assert http.get("/recommendations", params={"user_id": name}).json()["source"] == "batch"
    client.lpush(BUILT.user(name), f"1700000010-0 {item_id(5, 0)}")
    since = http.get("/recommendations", params={"user_id": name, "k": 12}).json()
    assert (since["source"], since["fallback_reason"]) == ("live", "list_stale")
    rows = np.append(history, _rows(generation, item_id(1, 4), item_id(5, 0)))
    expected = recommender.answer_user(rows, 12).neighbours.rows.tolist()
    assert _ids(since) == [generation.catalogue.item_id(row) for row in expected]
    client.delete(key)
    without = http.get("/recommendations", params={"user_id": name, "k": 12}).json()
    assert (without["source"], without["fallback_reason"]) == ("live", None)
    client.delete(BUILT.user(name))
    nobody = http.get("/recommendations", params={"user_id": name}).json()
    assert (nobody["source"], nobody["fallback_reason"]) == ("popular", "nothing_known")


def test_a_description_finds_its_like(http: httpx.Client) -> None:
    metadata = {"title": "Thing 99 of world 6", "categories": ["world 6"]}
    answer = _ask(http, metadata=metadata, k=10)
    assert (answer["source"], answer["fallback_reason"]) == ("content", "no_interactions")
    assert {world_of(item) for item in _ids(answer)} == {6}
    says_nothing = _ask(http, metadata={"title": "qqqqqqqq zzzzzzzz"})
    assert (says_nothing["source"], says_nothing["fallback_reason"]) == ("popular", "nothing_known")


def test_many_questions_are_answered_in_their_order(http: httpx.Client) -> None:
    dimensions_wrong = {"vector": [1.0]}
    queries: list[dict[str, Any]] = [
        {"items": [{"item_id": item_id(1, 0)}]},
        dimensions_wrong,
        {"items": [{"item_id": "nope"}], "on_unknown": "error"},
        {"items": [{"item_id": item_id(w, 1)} for w in (1, 2)], "k": 3},
        {"interests": ["world 2"], "k": 1},
    ]
    answers = http.post("/recommendations/batch", json={"queries": queries}).json()["answers"]
    assert [("error" in one) for one in answers] == [False, True, True, False, False]
    assert answers[0] == _ask(http, **queries[0])
    assert [one["error"]["code"] for one in answers[1:3]] == ["invalid_parameter", "unknown_item"]
    assert _ids(answers[3]) == _ids(_ask(http, **queries[3]))
    many = [
        {"items": [{"item_id": item_id(at % 8, at % 30)}, {"item_id": item_id(0, 0)}]} for at in range(1_000)
    ]
    answers = http.post("/recommendations/batch", json={"queries": many}).json()["answers"]
    assert len(answers) == 1_000
    assert all(len(answer["items"]) == 10 for answer in answers)
    assert http.post("/recommendations/batch", json={"queries": many + many[:1]}).status_code == 422


@pytest.mark.parametrize(
    ("question", "parameter"),
    [
        ({"k": 0}, "k"),
        ({"k": 101}, "k"),
        ({"diversity": 1.5}, "diversity"),
        ({"max_per_category": 0}, "max_per_category"),
        ({"items": [{"item_id": "a", "weight": 0}]}, "weight"),
        ({"items": [{"item_id": ""}]}, "item_id"),
        ({"items": [{"item_id": "a"}] * 101}, "items"),
        ({"itemz": []}, "itemz"),
        ({"on_unknown": "shrug"}, "on_unknown"),
        ({"categories": {"either": []}}, "either"),
        ({"exclude": ["x"] * 501}, "exclude"),
    ],
)
def test_bad_questions_are_refused_by_name(
    http: httpx.Client, question: dict[str, Any], parameter: str
) -> None:
    answer = http.post("/recommendations", json=question)
    assert (answer.status_code, answer.json()["error"]["parameter"]) == (422, parameter)


def test_an_item_without_a_vector_gets_popular_items(http: httpx.Client) -> None:
    answer = _ask(http, items=[{"item_id": NEVER_BOUGHT[0]}, {"item_id": NEVER_BOUGHT[1]}])
    assert (answer["source"], answer["fallback_reason"]) == ("popular", "no_vector")
