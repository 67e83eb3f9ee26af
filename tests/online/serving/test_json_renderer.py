"""Bodies put together from pieces are the JSON of the whole, to the byte."""

from pathlib import Path

import numpy as np
import orjson
import pytest

from hybrid_recs.online.serving.json_renderer import JsonRenderer
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.types import Answer, Neighbours, Outcome, Source
from tests.builders import write_generation

ODD = [  # what JSON escapes, and what it does not
    'a"b',
    "back\\slash",
    "tab\there",
    "ünïcödé ✓ 商品",
    "</script>",
    "%2F+&=",
    "new\nline",
    "\x01\x1f",
    "😀",
]


@pytest.mark.parametrize("outcome", [Outcome.TAIL, Outcome.LIST_MISSING, Outcome.RISING_LIST_MISSING])
def test_a_body_is_what_rendering_the_whole_gives(tmp_path: Path, outcome: Outcome) -> None:
    generation = write_generation(tmp_path, "20260101T000000000000Z", ODD, np.arange(3))
    renderer = JsonRenderer(Recommender(generation))
    rng = np.random.default_rng(0)
    halves = rng.integers(0, 2**16, 20_000).astype(np.uint16).view(np.float16).astype(np.float32)
    halves = halves[np.isfinite(halves)]
    for start in range(0, len(halves) - 9, 9):
        rows, scores = rng.permutation(9), halves[start : start + 9]
        body = renderer.body(ODD[start % 9], Answer(Source.LIVE, outcome, Neighbours(rows, scores)))
        expected = {
            "item_id": ODD[start % 9],
            "recommendation_id": orjson.loads(body)["recommendation_id"],
            "generation": generation.id,
            "source": "live",
            "fallback_reason": outcome.public_reason,
            "unknown_items": [],
            "items": [
                {"item_id": ODD[row], "score": round(score, 4), "title": None}
                for row, score in zip(rows.tolist(), scores.astype(np.float64).tolist(), strict=True)
            ],
        }
        assert body == orjson.dumps(expected)


def test_an_answer_without_items_is_json_too(tmp_path: Path) -> None:
    generation = write_generation(tmp_path, "20260101T000000000000Z", ODD, np.arange(3))
    none = Neighbours(np.empty(0, np.int64), np.empty(0, np.float32))
    body = JsonRenderer(Recommender(generation)).body("x", Answer(Source.POPULAR, Outcome.UNKNOWN_ITEM, none))
    answer = orjson.loads(body)
    assert (answer["items"], answer["unknown_items"]) == ([], ["x"])


def test_the_id_of_an_answer_about_an_item_is_that_of_the_answer(tmp_path: Path) -> None:
    generation = write_generation(tmp_path, "20260101T000000000000Z", ODD, np.arange(3))
    renderer = JsonRenderer(Recommender(generation))
    found = Neighbours(np.array([1, 2]), np.ones(2, np.float32))

    def name(item: str, source: Source) -> str:
        return str(orjson.loads(renderer.body(item, Answer(source, Outcome.HIT, found)))["recommendation_id"])

    assert name("x", Source.LIVE) == name("x", Source.LIVE)
    assert name("x", Source.LIVE).startswith("live-")
    assert name("x", Source.CACHE) == "cache-" + name("x", Source.LIVE).removeprefix("live-")
    assert name("y", Source.LIVE) != name("x", Source.LIVE)


def test_titles_are_those_of_the_items(tmp_path: Path) -> None:
    generation = write_generation(tmp_path, "20260101T000000000000Z", ODD, np.arange(3))
    for row in (2, 0, 2):
        answer = Answer(Source.CACHE, Outcome.HIT, Neighbours(np.array([row]), np.ones(1, np.float32)))
        (item,) = orjson.loads(JsonRenderer(Recommender(generation)).body("x", answer))["items"]
        assert item == {"item_id": ODD[row], "score": 1.0, "title": generation.catalogue.title(row)}
