"""Damage to what is published is contained: it is named, it is not served, and it stops no rebuild."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hybrid_recs.cache.keys import Keys
from hybrid_recs.cli import main
from hybrid_recs.commands import rebuild_index
from hybrid_recs.errors import CorruptGenerationError
from hybrid_recs.generation.arrays import open_array
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.settings import Settings
from tests.builders import publish_copy, publish_small, seal_small
from tests.commands.test_killed_publish import _is_killed
from tests.conftest import quiet_steps


@pytest.fixture
def settings(index_dir: Path, redis_url: str, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of a copy of the built index, also for commands."""
    monkeypatch.setenv("HYBRID_RECS_INDEX_DIR", str(index_dir))
    monkeypatch.setenv("HYBRID_RECS_REDIS_URL", redis_url)
    monkeypatch.setenv("HYBRID_RECS_KEY_PREFIX", keys.prefix)
    return Settings(covisit_weight=1)


@pytest.fixture
def store(settings: Settings) -> GenerationStore:
    return GenerationStore(settings.index_dir)


def test_a_prune_killed_anywhere_leaves_whole_generations(tmp_path: Path) -> None:
    number, killed = 0, True
    while killed:
        number += 1
        store = GenerationStore(tmp_path / str(number))
        publish_small(store, "a", "b", "c")
        killed = _is_killed(number, store.root, partial(store.prune, 0))
        store.clean()
        for entry in store.generations():
            store.verify(entry.id)
        assert store.current() == "c"
    assert number > 5
    assert store.ids() == ["c"]


def test_keeping_more_than_there_are_removes_nothing(tmp_path: Path) -> None:
    store = GenerationStore(tmp_path)
    publish_small(store, "a", "b", "c")
    assert store.prune(3) == []
    assert store.prune(99) == []


def test_what_never_served_takes_no_place_and_is_no_rollback_target(tmp_path: Path) -> None:
    store = GenerationStore(tmp_path)
    publish_small(store, "a", "b")
    seal_small(store, "c")
    store.record("publishing", "c")  # killed here, before the flip
    store.prune(1)
    assert store.ids() == ["a", "b"]
    assert store.rollback_target() == "a"


def test_a_flip_whose_record_was_lost_is_put_on_record(tmp_path: Path) -> None:
    store = GenerationStore(tmp_path)
    publish_small(store, "a", "b")
    history = store.root / "history.jsonl"
    history.write_text("\n".join(history.read_text().splitlines()[:-1]) + "\n")
    publish_small(store, "c")
    assert store.clean() == []
    assert store.rollback_target() == "b"


@pytest.mark.parametrize("damage", ["cut short", "gone"])
def test_a_damaged_serving_generation_stops_no_forced_rebuild(
    settings: Settings, store: GenerationStore, planted: Path, damage: str
) -> None:
    serving = store.path(store.require_current())
    if damage == "gone":
        shutil.rmtree(serving)
    else:
        (serving / "index.faiss").write_bytes(b"")
    built = rebuild_index.rebuild(planted, None, settings, quiet_steps(), force=True)
    assert store.current() == built.id
    store.verify(built.id)


def test_rolling_back_from_a_damaged_generation(store: GenerationStore) -> None:
    first = store.require_current()
    publish_copy(store, "2099")
    (store.path("2099") / "index.faiss").write_bytes(b"")
    result = CliRunner().invoke(main, ["generations", "rollback"])
    assert result.exit_code == 0, result.output
    assert store.current() == first


def test_an_unreadable_manifest_is_listed_as_damaged(
    settings: Settings, store: GenerationStore, planted: Path
) -> None:
    first = store.require_current()
    publish_copy(store, "2000")
    (store.path(first) / "manifest.json").write_text("{}")
    result = CliRunner().invoke(main, ["generations", "list"])
    assert [line.split()[:2] for line in result.stdout.splitlines()[1:]] == [
        ["2000", "current"],
        [first, "damaged"],
    ]
    rebuild_index.rebuild(planted, None, settings, quiet_steps())
    assert first not in store.ids()


@pytest.mark.parametrize("length", [0, 25, 28, 31, 100])
def test_a_file_cut_short_is_found_before_it_is_opened(store: GenerationStore, length: int) -> None:
    folder = store.path(store.require_current())
    index = folder / "index.faiss"
    index.write_bytes(index.read_bytes()[:length])
    with pytest.raises(CorruptGenerationError, match=r"index\.faiss"):
        Generation.open(folder)


def test_arrays_of_another_length_are_found(store: GenerationStore) -> None:
    folder = store.path(store.require_current())
    np.save(folder / "popularity.npy", np.ones(3))
    with pytest.raises(CorruptGenerationError, match=r"popularity\.npy"):
        Generation.open(folder)


def test_damaged_headers_are_one_kind_of_error(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(5))
    whole = path.read_bytes()
    for harmed in (b"", whole[:8] + b"\x01" + whole[9:], whole[:40], b"x" * 200):
        path.write_bytes(harmed)
        with pytest.raises(CorruptGenerationError):
            open_array(path)


def test_an_id_is_never_cut_when_the_list_is_piped(store: GenerationStore) -> None:
    serving = store.require_current()
    manifest = store.path(serving) / "manifest.json"
    name = Generation.open(manifest.parent).manifest.dataset.name
    manifest.write_text(manifest.read_text().replace(f'"{name}"', f'"{"long-" * 12}"'))
    assert serving in CliRunner().invoke(main, ["generations", "list"]).stdout


def test_fewer_than_none_cannot_be_kept() -> None:
    assert CliRunner().invoke(main, ["generations", "prune", "--keep", "-1"]).exit_code == 2
