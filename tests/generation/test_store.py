"""Publishing: one writer, states, rolling back, pruning, and what is found out about damaged files."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_recs.errors import CorruptGenerationError, NoGenerationError, RebuildInProgressError
from hybrid_recs.generation.manifest import SCHEMA_VERSION, Manifest, checksum
from hybrid_recs.generation.store import GenerationStore
from tests.builders import publish_small, seal_small, stage_small

_HOLD = """
import sys
from pathlib import Path
from hybrid_recs.generation.store import GenerationStore
with GenerationStore(Path(sys.argv[1])).writer():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path: Path) -> GenerationStore:
    return GenerationStore(tmp_path / "index")


def _states(store: GenerationStore) -> dict[str, str]:
    return {entry.id: entry.state for entry in store.generations()}


def test_nothing_is_published_at_first(store: GenerationStore) -> None:
    assert store.current() is None
    assert store.ids() == []
    assert store.generations() == []
    assert store.history() == []
    assert store.clean() == []
    with pytest.raises(NoGenerationError, match=r"run: make rebuild-index DATASET=path/to/dataset\.toml"):
        store.require_current()
    with pytest.raises(NoGenerationError, match="no generation 'x'; there are: none"):
        store.path("x")


def test_publishing_makes_a_generation_the_serving_one(store: GenerationStore) -> None:
    publish_small(store, "a", "b")
    assert store.current() == store.require_current() == "b"
    assert store.ids() == ["a", "b"]
    assert [(e["event"], e["generation"]) for e in store.history()] == [
        ("publishing", "a"),
        ("published", "a"),
        ("publishing", "b"),
        ("published", "b"),
    ]
    assert (store.root / "CURRENT").read_text() == "b\n"
    assert list((store.root / "staging").iterdir()) == []
    assert (store.path("b") / "a.bin").read_bytes() == b"b a.bin" * 50


def test_sealing_describes_every_file(store: GenerationStore) -> None:
    seal_small(store, "a")
    files = Manifest.read(store.path("a")).files
    assert files == {name: checksum(store.path("a") / name) for name in ("a.bin", "b.bin", "c.bin")}
    assert files["a.bin"].bytes == 350
    store.verify("a")


def test_a_generation_that_is_not_sealed_cannot_be_published(store: GenerationStore) -> None:
    publish_small(store, "a")
    stage_small(store, "b")
    with pytest.raises(NoGenerationError, match="no generation 'b'; there are: a"):
        store.publish("b")
    assert store.current() == "a"


def test_one_writer_at_a_time_and_a_killed_one_gives_way(store: GenerationStore) -> None:
    command = [sys.executable, "-c", _HOLD, str(store.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(RebuildInProgressError, match="another rebuild or rollback is at work"),
            store.writer(),
        ):
            pytest.fail("two writers")
        holder.send_signal(signal.SIGKILL)
    with store.writer():
        publish_small(store, "a")
    assert store.current() == "a"


def test_the_lock_is_free_after_an_error(store: GenerationStore) -> None:
    with pytest.raises(ZeroDivisionError), store.writer():
        raise ZeroDivisionError
    with store.writer(), pytest.raises(RebuildInProgressError), store.writer():
        pytest.fail("two writers")


@pytest.mark.parametrize("name", ["a.bin", "c.bin"])
def test_verify_finds_a_changed_byte_and_a_missing_file(store: GenerationStore, name: str) -> None:
    publish_small(store, "a")
    path = store.path("a") / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"?")
    with pytest.raises(CorruptGenerationError, match=f"{name}: differs"):
        store.verify("a")
    path.write_bytes(content + b"?")
    with pytest.raises(CorruptGenerationError, match=f"{name}: differs"):
        store.verify("a")
    path.unlink()
    with pytest.raises(CorruptGenerationError, match=f"{name}: missing"):
        store.verify("a")
    path.write_bytes(content)
    store.verify("a")


def test_states(store: GenerationStore) -> None:
    publish_small(store, "a", "b")
    seal_small(store, "c", "d")
    store.record("refused", "c", reasons=["recall {0.1}"])
    assert _states(store) == {"a": "published", "b": "current", "c": "refused", "d": "unpublished"}
    store.publish("a", "rolled back")
    assert _states(store) == {"a": "current", "b": "published", "c": "refused", "d": "unpublished"}
    store.publish("b", "rolled back")
    assert _states(store)["a"] == "published"


def test_cleaning_removes_what_was_never_published(store: GenerationStore) -> None:
    publish_small(store, "a", "b")
    seal_small(store, "c", "d")
    stage_small(store, "e")
    store.record("refused", "c", reasons=["recall"])
    assert sorted(store.clean()) == ["d", "e"]
    assert store.ids() == ["a", "b", "c"]
    assert list((store.root / "staging").iterdir()) == []
    assert store.clean() == []


def test_rolling_back_goes_to_what_served_before(store: GenerationStore) -> None:
    publish_small(store, "a")
    with pytest.raises(NoGenerationError, match="nothing was published before a"):
        store.rollback_target()
    publish_small(store, "b", "c")
    assert store.rollback_target() == "b"
    store.publish("b", "rolled back")
    assert store.current() == "b"
    assert store.rollback_target() == "c"
    store.publish("a", "rolled back")
    assert store.rollback_target() == "b"
    publish_small(store, "d")
    assert store.rollback_target() == "a"


def test_rolling_back_skips_what_is_gone_or_was_refused(store: GenerationStore) -> None:
    publish_small(store, "a", "b", "c", "d")
    seal_small(store, "e")
    store.record("refused", "e", reasons=["recall"])
    assert store.rollback_target() == "c"
    assert store.prune(0) == ["a", "b", "c", "e"]
    with pytest.raises(NoGenerationError, match="nothing was published before d"):
        store.rollback_target()


@pytest.mark.parametrize(("keep", "removed"), [(0, "abcd"), (1, "abd"), (2, "ad"), (3, "d"), (100, "d")])
def test_pruning_keeps_the_current_and_the_newest(store: GenerationStore, keep: int, removed: str) -> None:
    publish_small(store, "a", "b", "c")
    seal_small(store, "d")
    store.record("refused", "d", reasons=["recall"])
    publish_small(store, "e")
    assert store.prune(keep) == list(removed)
    assert store.ids() == [name for name in "abcde" if name not in removed]
    assert store.current() == "e"
    store.verify("e")
    assert store.prune(keep) == []


def test_pruning_keeps_the_current_one_however_old(store: GenerationStore) -> None:
    publish_small(store, "a", "b", "c")
    store.publish("a", "rolled back")
    assert store.prune(1) == ["b"]
    assert _states(store) == {"a": "current", "c": "published"}


def test_pruning_keeps_what_served_last_rather_than_what_is_newer(store: GenerationStore) -> None:
    publish_small(store, "a", "b", "c")
    store.publish("a", "rolled back")
    publish_small(store, "d")
    assert store.prune(2) == ["b"]
    assert store.prune(1) == ["c"]
    assert store.rollback_target() == "a"


def test_a_kept_generation_stays_until_it_is_released(store: GenerationStore) -> None:
    publish_small(store, "a", "b", "c", "d")
    store.keep("a")
    assert store.prune(1) == ["b"]
    assert [(entry.id, entry.kept) for entry in store.generations()] == [
        ("a", True),
        ("c", False),
        ("d", False),
    ]
    store.keep("a", kept=False)
    assert store.prune(1) == ["a"]
    with pytest.raises(NoGenerationError, match="no generation 'a'; there are: c, d"):
        store.keep("a")


def test_keeping_does_not_hide_a_publication_that_was_killed(store: GenerationStore) -> None:
    publish_small(store, "a")
    path = store.root / "history.jsonl"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    store.keep("a")
    publish_small(store, "b")
    assert store.rollback_target() == "a"


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_history_line_cut_short_is_survived(store: GenerationStore, cut: int) -> None:
    publish_small(store, "a", "b")
    path = store.root / "history.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    events = [entry["generation"] for entry in store.history()]
    # Without its line break alone the last line is still whole.
    assert events == (["a", "a", "b", "b"] if cut == 1 else ["a", "a", "b"])
    assert _states(store) == {"a": "published", "b": "current"}
    publish_small(store, "c")
    # What the cut took is put on record again before anything else is.
    assert [entry["generation"] for entry in store.history()] == ["a", "a", "b", "b", "c", "c"]
    assert _states(store) == {"a": "published", "b": "published", "c": "current"}


def test_a_manifest_of_another_schema_asks_for_a_rebuild(store: GenerationStore) -> None:
    publish_small(store, "a")
    path = store.path("a") / "manifest.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"schema_version": 1}))
    with pytest.raises(
        CorruptGenerationError,
        match=f"schema version 1, this program reads {SCHEMA_VERSION}; rebuild the index",
    ):
        Manifest.read(path.parent)
    path.write_text("{}")
    with pytest.raises(CorruptGenerationError, match=r"manifest\.json: not a readable manifest"):
        Manifest.read(path.parent)
    path.unlink()
    with pytest.raises(CorruptGenerationError, match=r"manifest\.json: not a readable manifest"):
        Manifest.read(path.parent)
