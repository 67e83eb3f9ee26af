"""Bodies put together from prepared bytes are the JSON of the whole, to the byte."""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from hybrid_recs.events.session_list import MAX_SHOWN, SessionList, render_session_list
from hybrid_recs.generation.generation import Generation
from hybrid_recs.ranking.json_renderer import JsonRenderer
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.types import Answer, Neighbours, Outcome, Rows, Source
from tests.builders import write_generation

GENERATION = "20260101T000000000000Z"
ODD = [  # what JSON escapes, what it does not, and what the templates of the renderer must not interpret
    'a"b',
    "back\\slash",
    "tab\there",
    "ünïcödé ✓ 商品",
    "</script>",
    "%2F+&=",
    "%b%%s%",
    "new\nline",
    "\x01\x1f",
    "😀",
]
TITLES = ["", *ODD[:0:-1]]  # the first item has none
REASONS = [Outcome.TAIL, Outcome.LIST_MISSING, Outcome.RISING_LIST_MISSING]


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    return write_generation(tmp_path, GENERATION, ODD, np.arange(3), TITLES)


@pytest.fixture
def renderer(generation: Generation) -> JsonRenderer:
    return JsonRenderer(Recommender(generation))


def _random_lists() -> Iterator[Neighbours]:
    """Lists of all items with scores of every magnitude that half precision has."""
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 2**16, 20_000).astype(np.uint16).view(np.float16).astype(np.float32)
    scores = scores[np.isfinite(scores)]
    n = len(ODD)
    for start in range(0, len(scores) - n, n):
        yield Neighbours(rng.permutation(n), scores[start : start + n])


def _items(rows: Rows, scores: Any) -> list[dict[str, Any]]:
    return [
        {"item_id": ODD[row], "score": round(score, 4), "title": TITLES[row] or None}
        for row, score in zip(rows.tolist(), scores.astype(np.float64).tolist(), strict=True)
    ]


def _whole(body: bytes, neighbours: Neighbours, source: str, reason: str | None, **others: Any) -> bytes:
    """The same answer as orjson writes it, with the id of `body`; others: the keys before the common ones."""
    return orjson.dumps(
        {
            **others,
            "recommendation_id": orjson.loads(body)["recommendation_id"],
            "generation": GENERATION,
            "source": source,
            "fallback_reason": reason,
            "unknown_items": [],
            "items": _items(neighbours.rows, neighbours.scores),
        }
    )


@pytest.mark.parametrize("outcome", REASONS)
def test_an_answer_for_an_item(renderer: JsonRenderer, outcome: Outcome) -> None:
    for number, neighbours in enumerate(_random_lists()):
        item_id = ODD[number % len(ODD)]
        body = renderer.item_body(item_id, Answer(Source.LIVE, outcome, neighbours))
        assert body == _whole(body, neighbours, "live", outcome.public_reason, item_id=item_id)


@pytest.mark.parametrize("outcome", REASONS)
def test_an_answer_to_another_query(renderer: JsonRenderer, outcome: Outcome) -> None:
    for neighbours in _random_lists():
        body = renderer.query_body("n-1", [], Answer(Source.CONTENT, outcome, neighbours))
        assert body == _whole(body, neighbours, "content", outcome.public_reason)
        assert orjson.loads(body)["recommendation_id"] == "content-n-1"


@pytest.mark.parametrize("session_id", ODD)
@pytest.mark.parametrize("outcome", [Outcome.COMPOSED, Outcome.NOTHING_KNOWN])
def test_a_message_on_a_session_stream(generation: Generation, session_id: str, outcome: Outcome) -> None:
    recommender = Recommender(generation)
    for neighbours in _random_lists():
        answer = Answer(Source.POPULAR, outcome, neighbours)
        session_list = SessionList.from_answer(answer, "17-1", recommender)
        body = render_session_list(session_id, session_list, JsonRenderer(recommender))
        shown = neighbours.head(MAX_SHOWN)
        assert body == _whole(body, shown, "popular", outcome.public_reason, session_id=session_id)
        name = hashlib.blake2b(f"{session_id} 17-1 {GENERATION} 0".encode(), digest_size=8).hexdigest()
        assert orjson.loads(body)["recommendation_id"] == f"popular-{name}"


def test_a_list_of_items_with_other_scores(renderer: JsonRenderer) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        rows, scores = rng.permutation(len(ODD)), rng.exponential(10.0 ** rng.integers(-5, 7), len(ODD))
        assert renderer.item_list(rows.tolist(), scores.tolist()) == orjson.dumps(_items(rows, scores))
    assert renderer.item_list([], []) == b"[]"


def test_every_half_precision_number_is_rendered_as_rounded_to_four_decimals(renderer: JsonRenderer) -> None:
    for bits in range(2**16):
        score = float(np.array([bits], np.uint16).view(np.float16)[0])
        body = renderer.item_body_of("x", Source.CACHE, Outcome.HIT, [0], [bits])
        expected = orjson.dumps(round(score, 4) if math.isfinite(score) else None)
        assert body.endswith(b',"score":%b,"title":null}]}' % expected), bits


def test_an_answer_without_items_is_json_too(renderer: JsonRenderer) -> None:
    none = Neighbours(np.empty(0, np.int64), np.empty(0, np.float32))
    body = renderer.item_body("x", Answer(Source.POPULAR, Outcome.UNKNOWN_ITEM, none))
    answer = orjson.loads(body)
    assert (answer["items"], answer["unknown_items"]) == ([], ["x"])
    body = renderer.query_body("n", ODD, Answer(Source.POPULAR, Outcome.UNKNOWN_ITEM, none))
    answer = orjson.loads(body)
    assert (answer["items"], answer["unknown_items"]) == ([], ODD)


def test_the_id_of_an_answer_for_an_item_stays_while_the_answer_does(renderer: JsonRenderer) -> None:
    neighbours = Neighbours(np.array([1, 2]), np.ones(2, np.float32))

    def name(item: str, source: Source) -> str:
        body = renderer.item_body(item, Answer(source, Outcome.TAIL, neighbours))
        return str(orjson.loads(body)["recommendation_id"])

    assert name("x", Source.LIVE) == name("x", Source.LIVE)
    assert name("x", Source.LIVE).startswith("live-")
    assert name("x", Source.CACHE) == "cache-" + name("x", Source.LIVE).removeprefix("live-")
    assert name("y", Source.LIVE) != name("x", Source.LIVE)


def test_titles_are_those_of_the_items(generation: Generation) -> None:
    for row in (2, 0, 2):
        answer = Answer(Source.CACHE, Outcome.HIT, Neighbours(np.array([row]), np.ones(1, np.float32)))
        (item,) = orjson.loads(JsonRenderer(Recommender(generation)).item_body("x", answer))["items"]
        assert item == {"item_id": ODD[row], "score": 1.0, "title": generation.catalogue.title(row)}
        assert generation.catalogue.title(row) == (TITLES[row] or None)
