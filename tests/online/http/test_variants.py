"""Variants of a product, over a socket: one of them in a list, any of them in a request."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hybrid_recs.cache.keys import Keys
from hybrid_recs.commands import rebuild_index
from hybrid_recs.generation.generation import Generation
from hybrid_recs.settings import Settings
from tests.conftest import quiet_steps
from tests.offline.builders import random_histories, write
from tests.services import OwnRedis, client_of_index, wait_for_generation

PRODUCTS, SIZES = 30, ("S", "M", "L")
TOML = """
[interactions]
path = "log.csv"
user = "user"
item = "item"
[items]
path = "items.csv"
id = "sku"
title = "title"
group = "product"
available = "stock"
"""


class Shop:
    """Products of three sizes each, of which S is the most popular one and L is in the items table alone."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.settings = folder, settings
        self.sold_out: set[str] = set()
        self._histories = random_histories(5, users=300, items=PRODUCTS, longest=8)

    def rebuild(self) -> Generation:
        log = [
            f"u{user},p{item:02d}-{'M' if user % 4 == 0 else 'S'}"
            for user, history in enumerate(self._histories)
            for item in history
        ]
        skus = [f"p{item:02d}-{size}" for item in range(PRODUCTS) for size in SIZES]
        table = [
            f"{sku},{sku[:3]},Product {sku[:3]} in {sku[-1]},{int(sku not in self.sold_out)}" for sku in skus
        ]
        files = {
            "log.csv": "\n".join(["user,item", *log]),
            "items.csv": "\n".join(["sku,product,title,stock", *table]),
        }
        path = write(self.folder, files, TOML)
        return rebuild_index.rebuild(path, None, self.settings, quiet_steps())


@pytest.fixture
def shop(own_redis: OwnRedis, keys: Keys, tmp_path: Path) -> Shop:
    settings = Settings(
        index_dir=tmp_path / "shop-index", redis_url=own_redis.url, key_prefix=keys.prefix, hot_share=0.5
    )
    return Shop(tmp_path / "shop", settings)


@pytest.fixture
def served(shop: Shop, environment: dict[str, str], tmp_path: Path) -> Iterator[httpx.Client]:
    shop.rebuild()
    with client_of_index(shop.settings.index_dir, environment, tmp_path / "log") as http:
        yield http


def _answer(http: httpx.Client, **query: str) -> dict[str, object]:
    answer: dict[str, object] = http.get("/recommendations", params={"k": str(PRODUCTS)} | query).json()
    return answer


def _titles(answer: dict[str, object]) -> dict[str, str]:
    """Item id → title of a list."""
    items = answer["items"]
    assert isinstance(items, list)
    return {one["item_id"]: one["title"] for one in items}


def _hot_and_tail(generation: Generation) -> tuple[str, str]:
    catalogue, last = generation.catalogue, generation.manifest.vectors - 1
    assert last not in generation.hot
    return catalogue.item_id(0)[:3], catalogue.item_id(last)[:3]


def test_a_list_holds_one_variant_and_any_variant_may_be_requested(shop: Shop, served: httpx.Client) -> None:
    generation = shop.rebuild()
    assert len(generation.catalogue) == PRODUCTS
    assert generation.manifest.dataset.account["variants"] == 2 * PRODUCTS
    wait_for_generation(served, generation.id)
    for product, source in zip(_hot_and_tail(generation), ("cache", "live"), strict=True):
        answers = [_answer(served, item_id=f"{product}-{size}") for size in SIZES]
        assert [answer["source"] for answer in answers] == [source] * 3
        assert answers[0]["items"] == answers[1]["items"] == answers[2]["items"]
        expected = {f"p{item:02d}-S" for item in range(PRODUCTS)} - {f"{product}-S"}
        assert set(_titles(answers[0])) == expected
    left_out = _titles(_answer(served, item_id="p00-L", exclude="p01-L"))
    assert set(left_out) == {f"p{item:02d}-S" for item in range(2, PRODUCTS)}
    both = served.post(
        "/recommendations", json={"items": [{"item_id": "p00-M"}, {"item_id": "p00-S"}], "k": 5}
    ).json()
    alone = _titles(_answer(served, item_id="p00-S", k="5"))
    assert list(_titles(both)) == list(alone)  # and no other variant of it
    assert both["unknown_items"] == []

    variant = served.get("/items/p00-M").json()
    assert (variant["title"], variant["listed_as"]) == ("Product p00 in M", "p00-S")
    assert served.get("/items/p00-S").json()["listed_as"] is None
    found = served.get("/items", params={"item_id": ["p00-M", "p00-S"]}).json()["items"]
    assert [one["title"] for one in found] == ["Product p00 in M", "Product p00 in S"]


def test_another_variant_stands_in_for_a_hidden_one(shop: Shop, served: httpx.Client) -> None:
    # p01 is hot and p29 is not; both are in the lists of hot and of tail items.
    def shown(product: str) -> set[str]:
        lists = [_titles(_answer(served, item_id=item)) for item in ("p00-S", "p28-S", "nothing known")]
        found = [{item: title for item, title in one.items() if item.startswith(product)} for one in lists]
        assert found[0] == found[1] == found[2]
        assert all(title == f"Product {product} in {item[-1]}" for item, title in found[0].items())
        return set(found[0])

    for product in ("p01", "p29"):
        assert shown(product) == {f"{product}-S"}
        served.delete(f"/items/{product}-S").raise_for_status()
        assert shown(product) == {f"{product}-M"}
        assert served.get(f"/items/{product}-S").json()["listed_as"] == f"{product}-M"
        assert served.get(f"/items/{product}-M").json()["listed_as"] is None
        served.delete(f"/items/{product}-M").raise_for_status()
        assert shown(product) == {f"{product}-L"}
        served.delete(f"/items/{product}-L").raise_for_status()
        assert shown(product) == set()
        assert not served.get(f"/items/{product}-L").json()["available"]
    generation = shop.rebuild()
    wait_for_generation(served, generation.id)
    assert shown("p01") == shown("p29") == set()
    assert served.delete("/items/p01-M/edits").status_code == 204
    assert shown("p01") == {"p01-M"}
    served.put("/items/p01-S", json={"available": True}).raise_for_status()
    assert shown("p01") == {"p01-S"}


def test_stock_and_edits_of_variants_across_rebuilds(shop: Shop, served: httpx.Client) -> None:
    served.put("/items/p02-M", json={"title": "Medium"}).raise_for_status()
    shop.sold_out = {"p02-S", *(f"p03-{size}" for size in SIZES)}
    generation = shop.rebuild()
    wait_for_generation(served, generation.id)
    listed = _titles(_answer(served, item_id="p00-S"))
    assert listed["p02-M"] == "Medium"
    assert not {"p02-S", "p03-S", "p03-M", "p03-L"} & set(listed)
    assert served.get("/items/p02-S").json()["available"] is False
    # One of a product that was sold out comes in before the next rebuild.
    served.put("/items/p03-L", json={"available": True}).raise_for_status()
    assert _titles(_answer(served, item_id="p29-S"))["p03-L"] == "Product p03 in L"
    refused = served.put("/items/p00-M", json={"vector": [1.0] * generation.manifest.dimensions})
    assert refused.status_code == 422
    assert "'p00-M' is a variant of 'p00-S'" in refused.json()["error"]["message"]
