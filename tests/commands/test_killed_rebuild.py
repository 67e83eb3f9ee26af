"""The whole job, killed at the end of each step: the old generation serves, the next rebuild cleans up."""

import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hybrid_recs.cache.keys import Keys
from hybrid_recs.commands import rebuild_index
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.settings import Settings
from hybrid_recs.types import Outcome
from tests.conftest import quiet_steps
from tests.paths import ROOT

_STEPS = [
    "Read interactions",
    "Choose the weights",
    "Count co-visits",
    "Learn item vectors",
    "Fit content encoder",
    "Build FAISS index",
    "Choose the hot set",
    "Precompute hot lists",
    "Measure the build",
    "Seal the generation",
    "Load into Redis",
    "Publish",
]
_SLOTS = 16


def _full_pipe_but(room: int) -> tuple[int, int]:
    """A pipe that takes `room` more writes; the one after that waits.

    In packet mode each write takes a slot of its own, however short.
    """
    reader, writer = os.pipe2(os.O_DIRECT | os.O_CLOEXEC)
    assert fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _SLOTS * 4_096) == _SLOTS * 4_096
    for _ in range(_SLOTS - room):
        os.write(writer, b"taken")
    return reader, writer


def _wait_until_it_waits(job: subprocess.Popen[bytes], writer: int) -> None:
    """Until the pipe is full and the job has slept for a while without using processor time."""
    deadline = time.monotonic() + 30
    used, since = "", time.monotonic()
    while select.select([], [writer], [], 0)[1] or time.monotonic() - since < 0.5:
        assert time.monotonic() < deadline
        assert job.poll() is None
        state, *fields = Path(f"/proc/{job.pid}/stat").read_text().rpartition(")")[2].split()
        now = " ".join(fields[10:12])
        # Runnable but not running is what a job looks like on a busy machine.
        if now != used or state != "S":
            used, since = now, time.monotonic()
        time.sleep(0.02)


def _run_until(environment: dict[str, str], dataset: Path, step: int, log: Path) -> list[str]:
    """Run the job, kill it as it is about to report step number `step`, and return the steps reported."""
    reader, writer = _full_pipe_but(step)
    command = [sys.executable, "-m", "jobs.rebuild_index", "--dataset", str(dataset)]
    try:
        with (
            log.open("wb") as errors,
            subprocess.Popen(
                command, cwd=ROOT, env=os.environ | environment, stdout=writer, stderr=errors
            ) as job,
        ):
            try:
                _wait_until_it_waits(job, writer)
            finally:
                job.send_signal(signal.SIGKILL)
        assert job.returncode == -signal.SIGKILL
        lines = [os.read(reader, 4_096).decode() for _ in range(_SLOTS)][_SLOTS - step :]
    finally:
        os.close(reader)
        os.close(writer)
    assert log.read_text() == ""
    return [next(name for name in _STEPS if name in line) for line in lines]


def _check_serves(store: GenerationStore, generation: str) -> None:
    """It is current, whole, and answers."""
    assert store.current() == generation
    assert {entry.id: entry.state for entry in store.generations()}[generation] == "current"
    store.verify(generation)
    answer = Recommender(Generation.open(store.path(generation))).answer(ItemQuery(200, 10), Outcome.TAIL)
    assert len(answer.neighbours) == 10


@pytest.mark.parametrize("step", range(len(_STEPS)), ids=_STEPS)
def test_a_rebuild_killed_at_the_end_of_a_step(
    step: int, index_dir: Path, planted: Path, redis_url: str, keys: Keys, tmp_path: Path
) -> None:
    store = GenerationStore(index_dir)
    old = store.require_current()
    settings = Settings(
        index_dir=index_dir, redis_url=redis_url, key_prefix=keys.prefix, dimensions=16, covisit_weight=1
    )
    environment = {
        "HYBRID_RECS_INDEX_DIR": str(index_dir),
        "HYBRID_RECS_REDIS_URL": redis_url,
        "HYBRID_RECS_KEY_PREFIX": keys.prefix,
        "HYBRID_RECS_DIMENSIONS": "16",
        "HYBRID_RECS_COVISIT_WEIGHT": "1",
    }
    reported = _run_until(environment, planted, step, tmp_path / "log")
    assert reported == _STEPS[:step]

    is_sealed, is_published = step >= _STEPS.index("Seal the generation"), _STEPS[step] == "Publish"
    assert len(list((index_dir / "staging").iterdir())) == (0 if is_sealed else 1)
    assert len(store.ids()) == (2 if is_sealed else 1)
    newest = store.ids()[-1]
    _check_serves(store, newest if is_published else old)

    following = rebuild_index.rebuild(planted, None, settings, quiet_steps())
    _check_serves(store, following.id)
    assert list((index_dir / "staging").iterdir()) == []
    assert store.ids() == ([old, newest, following.id] if is_published else [old, following.id])
    assert following.manifest.parent == (newest if is_published else old)
