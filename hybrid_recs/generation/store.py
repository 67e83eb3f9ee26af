"""The published generations on disk: stage, seal, publish, roll back, prune, verify.

A generation is built in `staging/<id>`, sealed (every file synced, the manifest last), renamed into
`generations/<id>` and never changed again. `CURRENT` names the serving generation and is replaced atomically,
last. A process that is killed at any point leaves the serving generation unchanged.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hybrid_recs.errors import CorruptGenerationError, NoGenerationError, RebuildInProgressError
from hybrid_recs.generation.durable_files import locked, sync
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.manifest import FILE_NAME, Manifest, checksum
from hybrid_recs.types import Json

# The history records "publishing" before `CURRENT` is replaced and "published" after it: a generation whose
# publication was killed in between, and that is not current, was never served.
_PUBLISHING, _PUBLISHED, _ROLLED_BACK, _REFUSED = "publishing", "published", "rolled back", "refused"
_KEPT, _RELEASED = "kept", "released"
_STATE_AFTER = {_PUBLISHED: _PUBLISHED, _ROLLED_BACK: _PUBLISHED, _REFUSED: _REFUSED}


@dataclass(frozen=True, slots=True)
class StoredGeneration:
    """state: current, published, refused, unpublished or damaged; a damaged generation has no manifest.

    kept: whether it stays until it is released, however many are published after it.
    """

    id: str
    state: str
    manifest: Manifest | None
    kept: bool = False


class GenerationStore:
    """The generations in one folder. Methods that write need the writer's lock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._staging = root / "staging"
        self._generations = root / "generations"
        self._pointer = root / "CURRENT"
        self._next_pointer = root / "CURRENT.new"
        self._history = root / "history.jsonl"

    @contextmanager
    def writer(self) -> Iterator[None]:
        """Hold the lock of the one writer; the kernel releases it if the process dies."""
        busy = f"{self.root}: another rebuild or rollback is at work; wait for it to end"
        with locked(self.root, RebuildInProgressError(busy)):
            yield

    def folder(self, generation: str) -> Path:
        """The folder of a generation with that id, whether it exists or not."""
        return self._generations / generation

    def path(self, generation: str) -> Path:
        """The folder of a sealed generation; raises NoGenerationError."""
        folder = self.folder(generation)
        if not generation or not (folder / FILE_NAME).is_file():
            known = ", ".join(self.ids()) or "none"
            raise NoGenerationError(f"{self.root}: no generation {generation!r}; there are: {known}")
        return folder

    def ids(self) -> list[str]:
        """Every sealed generation, oldest first."""
        return sorted(folder.name for folder in self._generations.glob("*") if folder.is_dir())

    def current(self) -> str | None:
        """The id of the serving generation, or None before the first is published."""
        try:
            return self._pointer.read_text().strip() or None
        except FileNotFoundError:
            return None

    def require_current(self) -> str:
        """As `current`; raises NoGenerationError, with the remedy, when there is none."""
        generation = self.current()
        if generation is None:
            raise NoGenerationError(
                f"{self.root}: no generation is published yet; "
                "run: make rebuild-index DATASET=path/to/dataset.toml"
            )
        return generation

    def open(self, generation: str) -> Generation:
        """A sealed generation; raises NoGenerationError, or CorruptGenerationError when it does not open."""
        return Generation.open(self.path(generation))

    def open_current(self) -> Generation:
        """The serving generation; raises as `require_current` and `open` do."""
        return self.open(self.require_current())

    def open_current_if_any(self) -> Generation | None:
        """The serving generation, or None before there is one; raises CorruptGenerationError."""
        try:
            return self.open_current()
        except NoGenerationError:
            return None

    def history(self) -> list[Json]:
        """Every recorded event, oldest first; a line truncated by a crash is left out."""
        try:
            lines = self._history.read_text().splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def generations(self) -> list[StoredGeneration]:
        """All generations with their state, oldest first."""
        return [self._stored(generation) for generation in self.ids()]

    def clean(self) -> list[str]:
        """Remove what killed rebuilds left: staging folders, and generations that were never published."""
        self._settle()
        dead = [generation for generation in self.ids() if self._state(generation) == "unpublished"]
        for generation in dead:
            self._remove(generation)
        staged = list(self._staging.glob("*"))
        for folder in staged:
            shutil.rmtree(folder)
        self._next_pointer.unlink(missing_ok=True)
        return dead + [folder.name for folder in staged]

    def stage(self, generation: str) -> Path:
        """A new empty folder to build in."""
        folder = self._staging / generation
        folder.mkdir(parents=True)
        return folder

    def seal(self, manifest: Manifest) -> Path:
        """Sync the staged files, write the manifest last, and move the folder among the generations."""
        staged = self._staging / manifest.id
        files = sorted(path for path in staged.iterdir() if path.is_file())
        for path in files:
            sync(path)
        sealed = manifest.model_copy(update={"files": {path.name: checksum(path) for path in files}})
        _write_synced(staged / FILE_NAME, sealed.model_dump_json(indent=2))
        sync(staged)
        self._generations.mkdir(exist_ok=True)
        folder = self._generations / manifest.id
        staged.rename(folder)
        sync(self._generations)
        return folder

    def publish(self, generation: str, event: str = _PUBLISHED) -> None:
        """Make a sealed generation the serving one."""
        self.path(generation)
        self._settle()
        self.record(_PUBLISHING, generation)
        _write_synced(self._next_pointer, generation + "\n")
        self._next_pointer.replace(self._pointer)
        sync(self.root)
        self.record(event, generation)

    def record(self, event: str, generation: str, **details: object) -> None:
        """Append to the history."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        line = json.dumps({"time": now, "event": event, "generation": generation, **details})
        text = line + "\n"
        if self._history.exists() and self._history.read_bytes()[-1:] not in (b"", b"\n"):
            text = "\n" + text
        with self._history.open("a") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def rollback_target(self) -> str:
        """The generation that served before the current one and still exists."""
        current = self.require_current()
        before = self._served_before(current)
        if not before:
            raise NoGenerationError(f"{self.root}: nothing was published before {current}")
        return before[0]

    def keep(self, generation: str, kept: bool = True) -> None:
        """Keep a generation from being pruned, or release it again; raises NoGenerationError."""
        self.path(generation)
        self.record(_KEPT if kept else _RELEASED, generation)

    def prune(self, keep: int) -> list[str]:
        """Remove all but the current generation, those that are kept, and `keep` other published ones.

        Of those, the ones that served last stay: a rollback is to what served before, however old that is.
        """
        stored, current = self.generations(), self.current()
        prunable = {entry.id for entry in stored if entry.state == "published" and not entry.kept}
        served = [generation for generation in self._served_before(current or "") if generation in prunable]
        staying = {*served[:keep], current}
        removed = [entry.id for entry in stored if entry.id not in staying and not entry.kept]
        for generation in removed:
            self.record("pruned", generation)
            self._remove(generation)
        return removed

    def _served_before(self, current: str) -> list[str]:
        """Other generations that served and still exist, the one that served last first."""
        served = [str(e["generation"]) for e in self.history() if e["event"] in (_PUBLISHED, _ROLLED_BACK)]
        present = set(self.ids()) - {current}
        return [generation for generation in dict.fromkeys(reversed(served)) if generation in present]

    def verify(self, generation: str) -> None:
        """Check every file's size and SHA-256 against the manifest."""
        folder = self.path(generation)
        for name, expected in Manifest.read(folder).files.items():
            path = folder / name
            if not path.is_file():
                raise CorruptGenerationError(f"{path}: missing")
            if checksum(path) != expected:
                raise CorruptGenerationError(f"{path}: differs from the manifest's checksum")

    def _stored(self, generation: str) -> StoredGeneration:
        try:
            manifest = Manifest.read(self._generations / generation)
        except CorruptGenerationError:
            return StoredGeneration(generation, "damaged", None, self._is_kept(generation))
        return StoredGeneration(generation, self._state(generation), manifest, self._is_kept(generation))

    def _is_kept(self, generation: str) -> bool:
        wishes = [event for event in self._events(generation) if event in (_KEPT, _RELEASED)]
        return wishes[-1:] == [_KEPT]

    def _state(self, generation: str) -> str:
        if generation == self.current():
            return "current"
        states = [_STATE_AFTER[e] for e in self._events(generation) if e in _STATE_AFTER]
        return states[-1] if states else "unpublished"

    def _events(self, generation: str) -> list[str]:
        return [str(entry["event"]) for entry in self.history() if entry["generation"] == generation]

    def _publication_events(self, generation: str) -> list[str]:
        return [event for event in self._events(generation) if event not in (_KEPT, _RELEASED)]

    def _settle(self) -> None:
        """Record a publication that was killed after it replaced `CURRENT`."""
        current = self.current()
        if current is not None and self._publication_events(current)[-1:] == [_PUBLISHING]:
            self.record(_PUBLISHED, current)

    def _remove(self, generation: str) -> None:
        """Move the folder to staging in one step, then delete it; what a kill leaves is in staging."""
        self._staging.mkdir(exist_ok=True)
        removed = self._staging / f"{generation}.removed"
        (self._generations / generation).rename(removed)
        shutil.rmtree(removed)


def _write_synced(path: Path, text: str) -> None:
    with path.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
