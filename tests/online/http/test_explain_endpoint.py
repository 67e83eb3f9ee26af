"""GET /items/{a}/explain/{b} over a real socket: the same as the command, and every way to fail."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from hybrid_recs.cli import main
from hybrid_recs.demo.child_service import ChildService, child_service
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.online.http import schemas
from tests.builders import write_generation
from tests.planted import NEVER_BOUGHT, item_id

HOT, TAIL, ELSEWHERE = item_id(2, 0), item_id(2, 29), item_id(4, 1)
SLASHED = ["a/b", "c/d/e", "plain", "explain", "/", "100% #?", "a/explain", "two\nlines\n"]


@pytest.mark.parametrize("k", [1, 10, 100])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        (HOT, item_id(2, 1)),
        (TAIL, HOT),
        (HOT, ELSEWHERE),
        (HOT, HOT),
        (HOT, NEVER_BOUGHT[0]),
        (NEVER_BOUGHT[0], HOT),
    ],
)
def test_the_same_as_the_command(
    http: httpx.Client, built_index: Path, monkeypatch: pytest.MonkeyPatch, a: str, b: str, k: int
) -> None:
    monkeypatch.setenv("HYBRID_RECS_INDEX_DIR", str(built_index))
    command = CliRunner().invoke(main, ["explain", a, b, "--k", str(k), "--format", "json"])
    answer = http.get(f"/items/{a}/explain/{b}", params={"k": k})
    assert answer.status_code == 200
    assert answer.json() == orjson.loads(command.stdout)
    schemas.Explanation.model_validate(answer.json())


@pytest.mark.parametrize("a", [HOT, TAIL, NEVER_BOUGHT[0]])
def test_it_agrees_with_what_is_served(http: httpx.Client, generation: Generation, a: str) -> None:
    served = http.get("/recommendations", params={"item_id": a, "k": 10}).json()
    for place, item in enumerate(served["items"], 1):
        explanation = http.get(f"/items/{a}/explain/{item['item_id']}").json()
        assert (explanation["in_list"], explanation["place"], explanation["k"]) == (True, place, 10)
        assert (explanation["source"], explanation["generation"]) == (served["source"], generation.id)
        if explanation["parts"]:
            assert explanation["parts"]["score"] == pytest.approx(item["score"], abs=1e-4)
    assert not http.get(f"/items/{a}/explain/{NEVER_BOUGHT[1]}").json()["in_list"]


@pytest.mark.parametrize(
    ("a", "b", "parameter"), [("nix", HOT, "a"), (HOT, "nix", "b"), ("nix", "nix", "a"), ("%ff", HOT, "a")]
)
def test_unknown_items_are_named(http: httpx.Client, a: str, b: str, parameter: str) -> None:
    answer = http.get(f"/items/{a}/explain/{b}")
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert (error["code"], error["parameter"]) == ("unknown_item", parameter)
    assert error["message"].startswith("no item '")


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        (f"/items/{HOT}/explain/{TAIL}?k=0", "k"),
        (f"/items/{HOT}/explain/{TAIL}?k=101", "k"),
        (f"/items/{HOT}/explain/{TAIL}?k=ten", "k"),
        (f"/items/{HOT}/explain/", "b"),
        (f"/items//explain/{TAIL}", "a"),
        (f"/items/{HOT}/explain/{'x' * 257}", "b"),
    ],
)
def test_bad_input_is_refused_by_name(http: httpx.Client, path: str, parameter: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 422
    assert answer.json()["error"]["parameter"] == parameter


def test_the_example_has_the_described_shape(http: httpx.Client) -> None:
    description = http.get("/openapi.json").json()
    operation = description["paths"]["/items/{a}/explain/{b}"]["get"]
    example = operation["responses"]["200"]["content"]["application/json"]["example"]
    schemas.Explanation.model_validate(example)
    assert set(operation["responses"]) == {"200", "404", "422", "503"}


@pytest.fixture(scope="module")
def slashed(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChildService]:
    """A service of items whose ids need encoding in a path."""
    folder = tmp_path_factory.mktemp("slashed")
    store = GenerationStore(folder / "index")
    staged = store.stage("slashed")
    store.seal(write_generation(staged, "slashed", SLASHED, np.arange(2)).manifest)
    store.publish("slashed")
    with child_service(folder / "log", _environment(folder, redis_url)) as service:
        yield service


def _environment(folder: Path, redis_url: str) -> dict[str, str]:
    return {
        "HYBRID_RECS_INDEX_DIR": str(folder / "index"),
        "HYBRID_RECS_REDIS_URL": redis_url,
        "HYBRID_RECS_KEY_PREFIX": folder.name,
        "HYBRID_RECS_VAR_DIR": str(folder),
    }


@pytest.mark.parametrize("safe", ["", "/"], ids=["encoded", "plain"])
def test_ids_with_slashes(slashed: ChildService, safe: str) -> None:
    with httpx.Client(base_url=slashed.url) as http:
        for a in SLASHED:
            assert http.get(f"/items/{quote(a, safe)}").json()["item_id"] == a
            for b in SLASHED:
                answer = http.get(f"/items/{quote(a, safe)}/explain/{quote(b, safe)}")
                assert answer.status_code == 200, (a, b, answer.text)
                assert (answer.json()["a"]["item_id"], answer.json()["b"]["item_id"]) == (a, b)


def test_not_ready_without_a_generation(redis_url: str, tmp_path: Path) -> None:
    with child_service(
        tmp_path / "log", _environment(tmp_path, redis_url), path_when_up="/healthz"
    ) as service:
        answer = httpx.get(f"{service.url}/items/{HOT}/explain/{TAIL}")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "not_ready"
    assert answer.headers["retry-after"] == "1"
