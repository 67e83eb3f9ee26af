"""Edits of items across rebuilds, with a real service: what gives way to the items table, what never does."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import pytest

from hybrid_recs import wiring
from hybrid_recs.cache.keys import Keys
from hybrid_recs.commands import rebuild_index
from hybrid_recs.generation.generation import Generation
from hybrid_recs.settings import Settings
from tests.conftest import quiet_steps
from tests.offline.builders import random_histories
from tests.services import OwnRedis, client_of_index, wait_for_generation

TOML = """name = "{name}"
[interactions]
path = "log.csv"
user = "user"
item = "item"
[items]
path = "items.csv"
id = "id"
title = "title"
text = "words"
categories = "kind"
{more}
"""
N = 40
EDITED, HIDDEN = "i001", "i002"


class Shop:
    """A dataset on disk, its index, and services that read it."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.settings = folder, settings
        self.titles = {f"i{item:03d}": f"Thing {item}" for item in range(N)}
        self.texts = dict.fromkeys(self.titles, "plain words")
        self.stock: dict[str, str] = {}
        histories = random_histories(3, users=300, items=N, longest=8)
        lines = [f"u{user},i{item:03d}" for user, history in enumerate(histories) for item in history]
        folder.mkdir(exist_ok=True)
        (folder / "log.csv").write_text("\n".join(["user,item", *lines]) + "\n")

    def rebuild(self, name: str = "shop", more: str = "", listed: int = N, new: bool = False) -> Generation:
        (self.folder / "dataset.toml").write_text(TOML.format(name=name, more=more))
        lines = [
            f"{item},{title},{self.texts[item]},kind,{self.stock.get(item, 'yes')}"
            for item, title in list(self.titles.items())[:listed]
        ]
        (self.folder / "items.csv").write_text("\n".join(["id,title,words,kind,stock", *lines]) + "\n")
        return rebuild_index.rebuild(
            self.folder / "dataset.toml", None, self.settings, quiet_steps(), new_dataset=new
        )


@pytest.fixture
def shop(own_redis: OwnRedis, keys: Keys, tmp_path: Path) -> Shop:
    settings = Settings(
        index_dir=tmp_path / "shop-index",
        redis_url=own_redis.url,
        key_prefix=keys.prefix,
        hot_share=1.0,
        covisit_weight=1,
        steps=2,
        tilt=0.05,
        half_life=0.25,
        trend_half_life=0.01,
        session_weight=1,
        session_trend=0,
        session_decay=1,
        user_weight=1,
        user_trend=0,
        user_decay=0.5,
    )
    return Shop(tmp_path / "shop", settings)


@pytest.fixture
def served(shop: Shop, environment: dict[str, str], tmp_path: Path) -> Iterator[httpx.Client]:
    shop.rebuild()
    with client_of_index(shop.settings.index_dir, environment, tmp_path / "log") as http:
        yield http


def _ids(http: httpx.Client, item: str, k: int = N) -> list[str]:
    answer = http.get("/recommendations", params={"item_id": item, "k": k}).json()
    return [one["item_id"] for one in answer["items"]]


def _title(http: httpx.Client, item: str) -> str:
    found: str = http.get(f"/items/{quote(item)}").json()["title"]
    return found


def test_an_edit_stays_until_the_table_says_something_new(shop: Shop, served: httpx.Client) -> None:
    served.put(f"/items/{EDITED}", json={"title": "Edited", "text": "other words"}).raise_for_status()
    wait_for_generation(served, shop.rebuild().id)
    assert _title(served, EDITED) == "Edited"
    shop.texts[EDITED] = "new words"  # of another field
    built = shop.rebuild()
    wait_for_generation(served, built.id)
    assert _title(served, EDITED) == "Edited"
    shop.titles[EDITED] = "From the table"
    wait_for_generation(served, shop.rebuild().id)
    assert _title(served, EDITED) == "From the table"


def test_a_table_that_changes_before_the_next_rebuild_wins(shop: Shop, served: httpx.Client) -> None:
    served.put(f"/items/{EDITED}", json={"title": "Edited"}).raise_for_status()
    shop.titles[EDITED] = "From the table"
    wait_for_generation(served, shop.rebuild().id)
    assert _title(served, EDITED) == "From the table"
    served.put(f"/items/{EDITED}", json={"title": "Edited again"}).raise_for_status()
    wait_for_generation(served, shop.rebuild().id)
    assert _title(served, EDITED) == "Edited again"


def test_a_hidden_item_stays_hidden_until_its_edits_are_taken_back(shop: Shop, served: httpx.Client) -> None:
    assert HIDDEN in _ids(served, EDITED)
    served.delete(f"/items/{HIDDEN}").raise_for_status()
    shop.titles[HIDDEN] = "Changed"
    wait_for_generation(served, shop.rebuild().id)
    assert HIDDEN not in _ids(served, EDITED)
    assert served.delete(f"/items/{HIDDEN}/edits").status_code == 204
    assert HIDDEN in _ids(served, EDITED)
    assert served.delete("/items/i005/edits").status_code == 404


def test_edits_of_another_dataset_are_kept_but_not_applied(shop: Shop, served: httpx.Client) -> None:
    served.put(f"/items/{EDITED}", json={"title": "Of the shop"}).raise_for_status()
    served.delete(f"/items/{HIDDEN}").raise_for_status()
    wait_for_generation(served, shop.rebuild("demo-like", new=True).id)
    assert _title(served, EDITED) == "Thing 1"
    assert HIDDEN in _ids(served, EDITED)
    assert len(wiring.item_changes(shop.settings).all()) == 2
    wait_for_generation(served, shop.rebuild("shop", new=True).id)
    assert _title(served, EDITED) == "Of the shop"
    assert HIDDEN not in _ids(served, EDITED)


def test_a_stock_column_says_what_is_available(shop: Shop, served: httpx.Client) -> None:
    more = 'available = "stock"'
    shop.stock[HIDDEN] = "Out of stock"
    built = shop.rebuild(more=more)
    wait_for_generation(served, built.id)
    lists = [built.hot.neighbours(int(row)) for row in built.hot.rows]
    assert built.manifest.quality["full_lists"] == 1
    gone = built.catalogue.row(HIDDEN)
    assert all(gone not in one.rows for one in lists if one is not None)
    assert HIDDEN not in _ids(served, EDITED)
    assert len(_ids(served, HIDDEN)) == N - 1  # queries for it are answered
    popular = served.get("/recommendations", params={"item_id": "unknown", "k": N}).json()["items"]
    assert HIDDEN not in [one["item_id"] for one in popular]

    served.put(f"/items/{HIDDEN}", json={"available": True}).raise_for_status()
    assert HIDDEN in _ids(served, EDITED)
    wait_for_generation(served, shop.rebuild(more=more).id)
    assert HIDDEN in _ids(served, EDITED)  # the table says nothing new
    shop.stock[HIDDEN] = "12"
    wait_for_generation(served, shop.rebuild(more=more).id)
    served.delete(f"/items/{HIDDEN}").raise_for_status()
    assert HIDDEN not in _ids(served, EDITED)
    shop.stock[HIDDEN] = "0"
    wait_for_generation(served, shop.rebuild(more=more).id)
    assert HIDDEN not in _ids(served, EDITED)
    shop.stock[HIDDEN] = "true"
    wait_for_generation(served, shop.rebuild(more=more).id)
    assert HIDDEN not in _ids(served, EDITED)  # as when it was hidden
    assert served.delete(f"/items/{HIDDEN}/edits").status_code == 204
    assert HIDDEN in _ids(served, EDITED)


def test_only_listed_items_are_recommended(shop: Shop, served: httpx.Client) -> None:
    built = shop.rebuild(more="only_listed = true", listed=25)
    wait_for_generation(served, built.id)
    assert built.manifest.items == N
    assert len(built.table.unlisted) == N - 25
    listed = {f"i{item:03d}" for item in range(25)}
    for item in sorted(shop.titles):
        answer = served.get("/recommendations", params={"item_id": item, "k": N}).json()
        assert {one["item_id"] for one in answer["items"]} == listed - {item}
        assert answer["source"] in ("cache", "live")
    assert built.manifest.quality["full_lists"] == 1
    assert np.isfinite(built.manifest.quality["parity@10"])
    assert built.manifest.quality["parity@10"] == 1
