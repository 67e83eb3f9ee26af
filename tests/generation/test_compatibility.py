"""What was published before opens: an index folder written by commit 4c54d78, kept as it was, with its
answers.

The folder holds one generation of schema 4 and the item edits made while it was served; `answers.json` holds
what that commit's service answered from both.
"""

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from hybrid_recs.cli import main
from hybrid_recs.commands import rebuild_index
from hybrid_recs.demo.child_service import ChildService, child_service
from hybrid_recs.errors import CorruptGenerationError, GateRefusedError
from hybrid_recs.generation.manifest import DEMO_DATASET, FILE_NAME, SCHEMA_VERSION, Manifest
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.items.change_store import ChangeStore
from hybrid_recs.settings import Settings
from tests.conftest import quiet_steps
from tests.paths import ROOT
from tests.planted import write_planted
from tests.services import OwnRedis, wait_until

KEPT = ROOT / "tests" / "fixtures" / "generation-4c54d78.tar.gz"
# What differs by design: ids of answers that are new each time, and sentences.
_NOT_KEPT = ("recommendation_id", "verdict")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder that holds `index` and `answers.json`."""
    with tarfile.open(KEPT) as archive:
        archive.extractall(tmp_path / "kept", filter="data")
    return tmp_path / "kept"


@pytest.fixture
def settings(kept: Path, own_redis: OwnRedis, tmp_path: Path) -> Settings:
    return Settings(
        index_dir=kept / "index", redis_url=own_redis.url, key_prefix="kept", var_dir=tmp_path / "var"
    )


@pytest.fixture
def service(settings: Settings, tmp_path: Path) -> Iterator[ChildService]:
    environment = {
        "HYBRID_RECS_INDEX_DIR": str(settings.index_dir),
        "HYBRID_RECS_REDIS_URL": str(settings.redis_url),
        "HYBRID_RECS_KEY_PREFIX": settings.key_prefix,
        "HYBRID_RECS_VAR_DIR": str(settings.var_dir),
        "HYBRID_RECS_REDIS_TIMEOUT_MS": "5000",  # a busy machine must not look like a Redis that is down
    }
    with child_service(tmp_path / "log", environment) as running:
        yield running


def _assert_answers_as_before(service: ChildService, kept: Path) -> None:
    with httpx.Client(base_url=service.url, timeout=10) as http:
        for recorded in json.loads((kept / "answers.json").read_text()):
            response = http.request(recorded["method"], recorded["path"], json=recorded["body"])
            assert response.status_code == recorded["status"], recorded["path"]
            before, after = _comparable(recorded["answer"]), response.json()
            # An answer may say more than it did.
            assert {name: after.get(name, "missing") for name in before} == before, recorded["path"]


def _comparable(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in _NOT_KEPT}


def test_the_fixture_is_small() -> None:
    assert KEPT.stat().st_size < 100_000


def test_a_kept_generation_opens_and_is_whole(kept: Path) -> None:
    store = GenerationStore(kept / "index")
    generation = store.open_current()
    assert generation.manifest.schema_version == 4
    assert generation.manifest.items == 58
    store.verify(generation.id)
    changes = ChangeStore(kept / "index").all()
    assert {change.item_id: change.available for change in changes} == {"LAMP": True, "0102": False}


def test_a_kept_generation_is_served_and_rolled_back_to(
    kept: Path, service: ChildService, settings: Settings, planted: Path
) -> None:
    """Its answers are the recorded ones, before a rebuild by today's program and after the rollback from
    it."""
    store = GenerationStore(settings.index_dir)
    first = store.require_current()
    with httpx.Client(base_url=service.url) as http:

        def is_served(generation: str) -> bool:
            return bool(http.get("/readyz").json()["generation"] == generation)

        wait_until(lambda: ChangeStore(settings.index_dir).last > 0, what="the item edits")
        _assert_answers_as_before(service, kept)
        built = rebuild_index.rebuild(planted, None, settings, quiet_steps(), force=True)
        wait_until(lambda: is_served(built.id), what="the new generation")
        environment = {"HYBRID_RECS_INDEX_DIR": str(settings.index_dir), "HYBRID_RECS_KEY_PREFIX": "kept"}
        environment["HYBRID_RECS_REDIS_URL"] = str(settings.redis_url)
        rolled_back = CliRunner().invoke(main, ["generations", "rollback"], env=environment)
        assert rolled_back.exit_code == 0, rolled_back.output
        wait_until(lambda: is_served(first), what="the kept generation")
    _assert_answers_as_before(service, kept)


def test_the_gate_compares_with_a_kept_generation(settings: Settings, tmp_path: Path) -> None:
    before = GenerationStore(settings.index_dir).open_current().manifest
    dataset = write_planted(tmp_path / before.dataset.name)
    built = rebuild_index.rebuild(dataset, None, settings, quiet_steps(), force=True).manifest
    assert built.quality["serving_hr@20"] == before.quality["hr@20"]
    assert built.quality["shared_hot_items"] > 0


def _rewritten(folder: Path, **fields: object) -> None:
    """The manifest as another version might have written it."""
    manifest = json.loads((folder / FILE_NAME).read_text())
    (folder / FILE_NAME).write_text(json.dumps(manifest | fields))


def test_fields_that_another_version_added_are_ignored_and_those_it_lacks_have_defaults(kept: Path) -> None:
    store = GenerationStore(kept / "index")
    folder = store.path(store.require_current())
    manifest = json.loads((folder / FILE_NAME).read_text())
    for name in ("changes", "content", "quality", "forced", "steps"):
        del manifest[name]
    (folder / FILE_NAME).write_text(json.dumps(manifest | {"later": 1}))
    read = Manifest.read(folder)
    assert (read.changes, read.content, read.quality, read.forced, read.steps) == (0, None, {}, False, [])
    assert store.open_current().content is None


@pytest.mark.parametrize("version", [3, SCHEMA_VERSION + 1])
def test_a_manifest_that_cannot_be_read_says_which_versions_can(kept: Path, version: int) -> None:
    store = GenerationStore(kept / "index")
    _rewritten(store.path(store.require_current()), schema_version=version)
    with pytest.raises(CorruptGenerationError, match=rf"schema version {version}, this program reads 4;"):
        store.open_current()


def test_a_worker_that_meets_a_newer_format_keeps_its_own(
    kept: Path, service: ChildService, settings: Settings
) -> None:
    store = GenerationStore(settings.index_dir)
    first = store.require_current()
    newer = store.path(first).with_name("20991231T000000000000Z")
    shutil.copytree(store.path(first), newer)
    _rewritten(newer, schema_version=SCHEMA_VERSION + 1, id=newer.name)
    store.publish(newer.name)
    with httpx.Client(base_url=service.url) as http:
        wait_until(lambda: "cannot be loaded" in _log_of(settings), what="the error in the log")
        assert http.get("/readyz").json()["generation"] == first
    _assert_answers_as_before(service, kept)


def _log_of(settings: Settings) -> str:
    return (settings.var_dir.parent / "log").read_text()


@pytest.mark.parametrize("damage", ["older schema", "no JSON", "cut short", "another file", "gone"])
def test_an_unreadable_serving_generation_is_a_reason_of_the_gate(
    settings: Settings, planted: Path, damage: str
) -> None:
    store = GenerationStore(settings.index_dir)
    serving = store.require_current()
    if damage == "older schema":
        _rewritten(store.path(serving), schema_version=3)
    elif damage == "cut short":
        (store.path(serving) / "index.faiss").write_bytes(b"")
    elif damage == "no JSON":
        (store.path(serving) / FILE_NAME).write_text("{")
    elif damage == "another file":
        path = store.path(serving) / "popularity.npy"
        path.write_bytes(path.read_bytes()[:-8] + b"\xff" * 8)  # NaN
    else:
        shutil.rmtree(store.path(serving))
    with pytest.raises(GateRefusedError, match=rf"{serving} cannot be compared with .*FORCE=1") as refused:
        rebuild_index.rebuild(planted, None, settings, quiet_steps())
    assert "\n" not in str(refused.value)
    assert store.current() == serving
    assert store.history()[-1]["event"] == "refused"
    # Either of the remedies that the refusal names.
    new = damage == "no JSON"
    built = rebuild_index.rebuild(planted, None, settings, quiet_steps(), force=not new, new_dataset=new)
    assert store.current() == built.id
    assert (built.manifest.forced, built.manifest.new_dataset) == (not new, new)


def test_a_demo_is_never_protected(settings: Settings, planted: Path) -> None:
    store = GenerationStore(settings.index_dir)
    folder = store.path(store.require_current())
    dataset = json.loads((folder / FILE_NAME).read_text())["dataset"]
    _rewritten(folder, schema_version=3, dataset=dataset | {"name": DEMO_DATASET})
    built = rebuild_index.rebuild(planted, None, settings, quiet_steps())
    assert store.current() == built.id
