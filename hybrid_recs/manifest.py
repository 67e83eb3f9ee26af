"""What a generation says of itself: `manifest.json`, the last file written."""

import hashlib
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from hybrid_recs.errors import CorruptGenerationError
from hybrid_recs.types import Json

SCHEMA_VERSION = 1
FILE_NAME = "manifest.json"
_LIBRARIES = ("hybrid-recs", "faiss-cpu", "numpy", "scipy", "polars", "redis")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class FileEntry(_Frozen):
    """Size and checksum of one file."""

    bytes: int
    sha256: str


class SearchFigure(_Frozen):
    """The `ef_search` (0: exact) that reached `recall` at `k` on tail items, and its milliseconds."""

    k: int
    ef_search: int
    recall: float
    milliseconds: float


class IndexInfo(_Frozen):
    """What kind of FAISS index this is and how it was found to search best."""

    kind: str
    search: list[SearchFigure]


class ScoringInfo(_Frozen):
    """The chosen co-visit weight and tilt; `tried`: validation HR@20 by weight."""

    covisit_weight: float
    tilt: float
    tried: dict[str, float] = {}
    validation_pairs: int = 0


class DatasetInfo(_Frozen):
    """Where the data came from and what became of its rows."""

    name: str
    fingerprint: str
    account: Json


class StepInfo(_Frozen):
    """One step of the job."""

    name: str
    seconds: float


class Manifest(_Frozen):
    """Everything about one generation but its data."""

    schema_version: int = SCHEMA_VERSION
    id: str
    parent: str | None
    created: str
    dataset: DatasetInfo
    settings: Json
    settings_digest: str
    versions: dict[str, str]
    items: int
    vectors: int
    dimensions: int
    hot_items: int
    list_depth: int
    index: IndexInfo
    scoring: ScoringInfo
    quality: dict[str, float] = {}
    forced: bool = False
    steps: list[StepInfo] = []
    files: dict[str, FileEntry] = {}

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read the manifest of a sealed generation."""
        path = folder / FILE_NAME
        try:
            manifest = cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise CorruptGenerationError(f"{path}: not a readable manifest ({error})") from error
        if manifest.schema_version != SCHEMA_VERSION:
            raise CorruptGenerationError(
                f"{path}: schema version {manifest.schema_version}, this program reads {SCHEMA_VERSION}; "
                "rebuild the index"
            )
        return manifest


def new_id(now: datetime | None = None) -> str:
    """An id that sorts by time of birth."""
    return (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S%fZ")


def library_versions() -> dict[str, str]:
    """Versions of what the artefacts depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}


def checksum(path: Path) -> FileEntry:
    """Size and SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileEntry(bytes=path.stat().st_size, sha256=digest)
