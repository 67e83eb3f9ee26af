"""Requests that spell an id in another way than the generation: over a socket, with a hot and a tail item."""

from pathlib import Path

import httpx

from hybrid_recs.cache.keys import Keys
from hybrid_recs.commands import rebuild_index, recommend_users
from hybrid_recs.demo.child_service import child_service
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.settings import Settings
from tests.conftest import quiet_steps
from tests.offline.builders import random_histories, write
from tests.services import OwnRedis

TOML = """whole_numbers = true
id_case = "upper"
[interactions]
path = "a.csv"
user = "user"
item = "item"
"""


def test_ids_are_known_in_the_spelling_of_the_log(
    environment: dict[str, str], own_redis: OwnRedis, keys: Keys, tmp_path: Path
) -> None:
    histories = random_histories(2, users=300, items=40, longest=8)
    rows = [f"ab{user},{1000 + item}.0" for user, history in enumerate(histories) for item in history]
    path = write(tmp_path / "data", {"a.csv": "\n".join(["user,item", *rows]) + "\n"}, TOML)
    settings = Settings(
        index_dir=tmp_path / "numbers", redis_url=own_redis.url, key_prefix=keys.prefix, hot_share=0.5
    )
    generation = rebuild_index.rebuild(path, None, settings, quiet_steps())
    assert generation.manifest.dataset.ids == DatasetConfig.load(path).id_rules
    recommend_users.recommend_users(DatasetConfig.load(path), settings, quiet_steps())
    hot = generation.catalogue.item_id(0)
    tail = generation.catalogue.item_id(generation.manifest.vectors - 1)
    assert {len(hot), len(tail)} == {4}
    served = environment | {"HYBRID_RECS_INDEX_DIR": str(settings.index_dir)}
    with (
        child_service(tmp_path / "log", served) as service,
        httpx.Client(base_url=service.url) as http,
    ):
        for item, source in ((hot, "cache"), (tail, "live")):
            canonical, other = (
                http.get("/recommendations", params={"item_id": spelt}).json()
                for spelt in (item, f"{item}.0")
            )
            assert (canonical["source"], other["source"]) == (source, source)
            assert canonical["items"] == other["items"]
            assert other["item_id"] == item
            assert item not in [one["item_id"] for one in other["items"]]
        lists = [http.get("/recommendations", params={"user_id": spelt}).json() for spelt in ("AB7", "ab7")]
        assert lists[0]["source"] == lists[1]["source"] == "batch"
        assert lists[0]["items"] == lists[1]["items"]
        unknown = http.get("/recommendations", params={"item_id": "1000.1"}).json()
        assert unknown["fallback_reason"] == "unknown_item"
