"""Publishing is killed at every single step it makes on the file system; what it leaves is always usable."""

import os
import signal
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from hybrid_recs.generation import store
from hybrid_recs.generation.manifest import Manifest
from hybrid_recs.generation.store import GenerationStore
from tests.builders import publish_small, seal_small, stage_small

# Steps that the interpreter does not audit, although a kill before one leaves something behind.
_UNAUDITED = {"write", "flush", "fsync"}
# Work inside a folder that is being removed goes by descriptors: no path of ours is in its arguments.
_BY_DESCRIPTOR = {"os.remove", "os.rmdir"}


def _kill_before_step(n: int, root: Path) -> None:
    """From now on, kill this process right before its n-th step on files below `root`."""
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        if done == n:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" or event.startswith(("os.", "shutil.")):
            paths = [a for a in arguments if isinstance(a, str | os.PathLike)]
            if event in _BY_DESCRIPTOR or any(os.fspath(p).startswith(str(root)) for p in paths):
                count()

    def on_call(frame: FrameType, event: str, function: Any) -> None:
        ours = event == "c_call" and frame.f_code.co_filename == store.__file__
        if ours and function.__name__ in _UNAUDITED:
            count()

    sys.addaudithook(on_audit)
    sys.setprofile(on_call)


def _is_killed(n: int, root: Path, work: Callable[[], object]) -> bool:
    """Do `work` in a process of its own that is killed before step n; False when it ended before."""
    with warnings.catch_warnings():
        # Python 3.12 warns of forking beside threads; the child only touches files and never returns.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            _kill_before_step(n, root)
            work()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def _publish(store: GenerationStore, manifest: Manifest) -> None:
    store.seal(manifest)
    store.publish(manifest.id)


def _check_usable(store: GenerationStore, allowed: set[str]) -> None:
    """One of `allowed` serves, whole, and nothing that can be seen is partial."""
    current = store.current()
    assert current in allowed
    states = {entry.id: entry.state for entry in store.generations()}
    assert [name for name, state in states.items() if state == "current"] == [current]
    for generation in states:
        store.verify(generation)


def _check_next_rebuild(store: GenerationStore) -> None:
    with store.writer():
        store.clean()
        assert list((store.root / "staging").glob("*")) == []
        recorded = {entry["generation"] for entry in store.history()}
        assert set(store.ids()) <= recorded | {store.current()}
        publish_small(store, "3 next")
    assert store.current() == "3 next"
    store.verify("3 next")
    assert store.history()[-1]["generation"] == "3 next"
    assert not (store.root / "CURRENT.new").exists()


def test_publishing_killed_at_every_step(tmp_path: Path) -> None:
    served, n = [], 0
    while True:
        n += 1
        store = GenerationStore(tmp_path / str(n))
        publish_small(store, "1 old")
        killed = _is_killed(n, store.root, partial(_publish, store, stage_small(store, "2 new")))
        _check_usable(store, {"1 old", "2 new"})
        served.append(store.current())
        _check_next_rebuild(store)
        if not killed:
            break
    # The old one serves up to the flip, and the new one ever after.
    flip = served.index("2 new")
    assert served == ["1 old"] * flip + ["2 new"] * (len(served) - flip)
    assert flip >= 25
    assert served[-1] == "2 new"


def test_first_publishing_killed_at_every_step(tmp_path: Path) -> None:
    n, killed = 0, True
    while killed:
        n += 1
        store = GenerationStore(tmp_path / str(n))
        killed = _is_killed(n, store.root, partial(_publish, store, stage_small(store, "1 new")))
        if store.current() is None:
            assert killed
            assert {entry.state for entry in store.generations()} <= {"unpublished", "published"}
        else:
            _check_usable(store, {"1 new"})
        _check_next_rebuild(store)
    assert n >= 25


def test_cleaning_killed_at_every_step_is_finished_by_the_next(tmp_path: Path) -> None:
    n, killed = 0, True
    while killed:
        n += 1
        store = GenerationStore(tmp_path / str(n))
        publish_small(store, "1 old")
        seal_small(store, "2 never published")
        stage_small(store, "2 staged")
        killed = _is_killed(n, store.root, store.clean)
        assert store.current() == "1 old"
        store.verify("1 old")
        _check_next_rebuild(store)
        assert store.ids() == ["1 old", "3 next"]
    assert n > 10
