"""The job that makes every user's list, on planted data with a known answer and a real Redis."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import redis

from hybrid_recs import wiring
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.user_list_codec import StoredUserList, decode_user_list
from hybrid_recs.commands.recommend_users import recommend_users
from hybrid_recs.errors import DatasetError, RebuildInProgressError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.offline.users.files import UserListFiles
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.settings import Settings
from hybrid_recs.types import Neighbours
from tests.conftest import quiet_steps
from tests.offline.builders import WITH_TIME, write
from tests.planted import SHOPPERS_PER_WORLD, WORLDS, item_id, world_of

K = 15
DAY = 86_400


@pytest.fixture
def settings(built_index: Path, redis_url: str, keys: Keys, tmp_path: Path) -> Settings:
    return Settings(
        index_dir=built_index, redis_url=redis_url, key_prefix=keys.prefix, var_dir=tmp_path / "var"
    )


def _histories(planted: Path) -> dict[str, list[str]]:
    frame = pl.read_csv(planted.parent / "interactions.csv", schema_overrides={"item": pl.String})
    return dict(frame.sort("time").group_by("user", maintain_order=True).agg("item").iter_rows())


def _small(folder: Path, lines: list[str]) -> DatasetConfig:
    return DatasetConfig.load(
        write(folder, {"a.csv": "\n".join(["user,item,time", *lines]) + "\n"}, WITH_TIME)
    )


def _redis_users(client: redis.Redis, keys: Keys, generation: str) -> set[str]:
    start = keys.user_list(generation, "")
    return {name.decode().removeprefix(start) for name in client.scan_iter(f"{start}*", count=1_000)}


def test_every_user_gets_the_unseen_items_of_their_own_world(
    planted: Path, settings: Settings, generation: Generation, client: redis.Redis, keys: Keys
) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    files = recommend_users(DatasetConfig.load(planted), settings, quiet_steps(), k=K)
    lists, met = files.read(generation.id), _histories(planted)
    assert len(lists) == len(met) == WORLDS * SHOPPERS_PER_WORLD
    recommender, catalogue = Recommender(generation), generation.catalogue
    for line in lists.iter_rows(named=True):
        user, history = line["user"], met[line["user"]]
        assert line["history"] == history
        assert line["generation"] == generation.id
        assert began <= line["made"] <= datetime.now(UTC)
        assert {world_of(item) for item in line["items"]} == {int(user[1])}
        assert len(set(line["items"])) == K
        assert not set(line["items"]) & set(history)
        rows = np.array([catalogue.row(item) for item in history], np.int64)
        alone = recommender.answer_user(rows, K).neighbours
        assert line["items"] == [catalogue.item_id(row) for row in alone.rows.tolist()]
        assert line["scores"] == alone.scores.tolist()
        value = client.get(keys.user_list(generation.id, user))
        stored = decode_user_list(value) if isinstance(value, bytes) else None
        assert stored is not None
        assert stored.history.tolist() == rows.tolist()
        assert stored.neighbours.rows.tolist() == alone.rows.tolist()
        assert stored.neighbours.scores.tolist() == alone.scores.tolist()
        assert stored.made == line["made"].timestamp()
        ttl = wiring.list_ttl_seconds(settings)
        assert ttl - 60 <= client.ttl(keys.user_list(generation.id, user)) <= ttl


def test_hidden_items_are_in_no_list(
    planted: Path, settings: Settings, generation: Generation, index_dir: Path
) -> None:
    settings = settings.model_copy(update={"index_dir": index_dir})
    hidden = [item_id(world, 0) for world in range(WORLDS)]
    shown = recommend_users(DatasetConfig.load(planted), settings, quiet_steps(), k=K).read(generation.id)
    assert set(hidden) & set(shown["items"].explode())
    changes = wiring.item_changes(settings)
    for item in hidden:
        changes.hide(item, in_catalogue=True)
    files = recommend_users(DatasetConfig.load(planted), settings, quiet_steps(), k=K)
    without = files.read(generation.id)["items"]
    assert not set(hidden) & set(without.explode())
    assert set(without.list.len()) == {K}


def test_only_those_active_lately_and_the_latest_first(
    tmp_path: Path, settings: Settings, generation: Generation, client: redis.Redis, keys: Keys
) -> None:
    lines = [
        f"old,{item_id(0, 1)},{DAY}",
        f"edge,{item_id(0, 1)},{8 * DAY}",
        f"late,{item_id(0, 1)},{9 * DAY}",
        f"latest,{item_id(0, 2)},{2 * DAY}",
        f"latest,{item_id(0, 1)},{10 * DAY}",
    ]
    description = _small(tmp_path, lines)
    files = recommend_users(description, settings, quiet_steps(), active_days=2, k=K)
    assert files.users(generation.id) == ["latest", "late"]
    assert _redis_users(client, keys, generation.id) == {"latest", "late"}
    assert files.read(generation.id)["history"].to_list() == [[item_id(0, 2), item_id(0, 1)], [item_id(0, 1)]]
    files = recommend_users(description, settings, quiet_steps(), k=K)
    assert files.users(generation.id) == ["latest", "late", "edge", "old"]


def test_days_need_times(tmp_path: Path, settings: Settings) -> None:
    toml = WITH_TIME.replace('time = "time"\n', "")
    description = DatasetConfig.load(write(tmp_path, {"a.csv": f"user,item\na,{item_id(0, 1)}\n"}, toml))
    with pytest.raises(DatasetError, match="no times"):
        recommend_users(description, settings, quiet_steps(), active_days=2)


def test_items_the_generation_lacks_are_passed_over(
    tmp_path: Path, settings: Settings, generation: Generation
) -> None:
    lines = [f"mixed,{item_id(3, 1)},1", "mixed,no-such,2", f"mixed,{item_id(3, 2)},3", "stranger,no-such,4"]
    steps = quiet_steps()
    files = recommend_users(_small(tmp_path, lines), settings, steps, k=K)
    (line,) = files.read(generation.id).iter_rows(named=True)
    assert (line["user"], line["history"]) == ("mixed", [item_id(3, 1), item_id(3, 2)])
    assert {world_of(item) for item in line["items"]} == {3}


def test_redis_holds_what_the_bound_allows_and_no_more(
    settings: Settings, generation: Generation, client: redis.Redis, keys: Keys
) -> None:
    users = [f"u{index},{item_id(index % WORLDS, index % 20)},{index}" for index in range(1_500)]
    description = _small(settings.var_dir, users)
    bounded = settings.model_copy(update={"predictions_max_mb": 1})
    files = recommend_users(description, bounded, quiet_steps(), k=100)
    assert len(files.read(generation.id)) == 1_500
    held = _redis_users(client, keys, generation.id)
    assert 1_000 < len(held) < 1_500
    assert held == {f"u{index}" for index in range(1_500 - len(held), 1_500)}
    # Not the server's used_memory: that counts the buffers of whoever is connected, too.
    start = keys.user_list(generation.id, "")
    assert sum(client.memory_usage(f"{start}{user}", samples=0) or 0 for user in held) < 1_000_000


def test_without_redis_the_lists_are_on_disk(
    planted: Path, settings: Settings, generation: Generation
) -> None:
    away = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    files = recommend_users(DatasetConfig.load(planted), away, quiet_steps(), k=K)
    assert len(files.read(generation.id)) == WORLDS * SHOPPERS_PER_WORLD


def test_lists_of_other_generations_go(
    tmp_path: Path, settings: Settings, generation: Generation, client: redis.Redis, keys: Keys
) -> None:
    files = UserListFiles(wiring.predictions_dir(settings))
    _write(files, "20200101T000000000000Z", generation, ["a", "b"])
    client.set(keys.user_list("20200101T000000000000Z", "a"), b"", ex=DAY)
    recommend_users(_small(tmp_path, [f"c,{item_id(0, 1)},1"]), settings, quiet_steps(), k=K)
    assert files.generations() == [generation.id]
    assert 0 < client.ttl(keys.user_list("20200101T000000000000Z", "a")) <= 600


def _write(files: UserListFiles, name: str, generation: Generation, users: list[str]) -> None:
    one = StoredUserList(Neighbours(np.array([1, 2]), np.ones(2, np.float32)), np.array([3]), 1_700_000_000)
    with files.writing(name, generation.catalogue) as writer:
        for user in users:
            writer.write([user], [one])


def test_what_is_read_back_is_what_was_written(tmp_path: Path, generation: Generation) -> None:
    files = UserListFiles(tmp_path)
    with files.writing("g", generation.catalogue) as writer:
        sample = [
            StoredUserList(
                Neighbours(np.array(rows, np.int64), np.array(rows, np.float32)), np.array(met, np.int64), 7
            )
            for rows, met in (([5, 1], [9]), ([], [4, 2]), ([0], [8, 7, 6]))
        ]
        writer.write(["a", "b", "c"], sample)
    ((users, stored),) = files.read_stored("g", generation.catalogue)
    assert users == ["a", "b", "c"]
    for actual, written in zip(stored, sample, strict=True):
        assert actual.neighbours.rows.tolist() == written.neighbours.rows.tolist()
        assert actual.neighbours.scores.tolist() == written.neighbours.scores.tolist()
        assert (actual.history.tolist(), actual.made) == (written.history.tolist(), 7)


def test_one_job_at_a_time(tmp_path: Path, generation: Generation) -> None:
    files = UserListFiles(tmp_path)
    with files.writing("g", generation.catalogue), pytest.raises(RebuildInProgressError):
        _write(UserListFiles(tmp_path), "g", generation, ["a"])


_KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from hybrid_recs.generation.catalogue import Catalogue
from hybrid_recs.offline.users import files
from hybrid_recs.cache.user_list_codec import StoredUserList
from hybrid_recs.types import Neighbours

catalogue, root, moment = Catalogue(Path(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3])
calls = 0

def counted(function):
    def wrapped(*arguments, **named):
        global calls
        calls += 1
        if calls == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)
    return wrapped

Path.rename = counted(Path.rename)
files.sync = counted(files.sync)
one = StoredUserList(Neighbours(np.array([1, 2]), np.ones(2, np.float32)), np.array([3]), 1_700_000_000)
with files.UserListFiles(root).writing("g", catalogue) as writer:
    writer.write(["new-1"], [one])
    writer.write(["new-2"], [one])
"""
# Syncs of two parts and of the folder, the old folder moved aside, the new one moved in, the last sync.
_LEFT = {2: ["old"], 5: [], 6: ["new-1", "new-2"]}


def test_a_killed_job_leaves_no_half_folder(
    tmp_path: Path, generation: Generation, built_index: Path
) -> None:
    folder, jobs = built_index / "generations" / generation.id, {}
    for moment in _LEFT:
        _write(UserListFiles(tmp_path / str(moment)), "g", generation, ["old"])
        arguments = [str(folder), str(tmp_path / str(moment)), str(moment)]
        jobs[moment] = subprocess.Popen([sys.executable, "-c", _KILLED, *arguments])
    for moment, left in _LEFT.items():
        assert jobs[moment].wait() == -9
        files = UserListFiles(tmp_path / str(moment))
        assert (files.users("g") if "g" in files.generations() else []) == left
        _write(files, "h", generation, ["later"])
        # What had been moved aside is back, unless its successor was in place already.
        assert files.users("g") == (left or ["old"])
        assert {path.name for path in files.root.iterdir()} == {"g", "h", ".lock"}
