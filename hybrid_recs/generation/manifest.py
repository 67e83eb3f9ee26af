"""The record of a generation: `manifest.json`, the last file written."""

import hashlib
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from hybrid_recs.errors import CorruptGenerationError
from hybrid_recs.generation.id_rules import AS_WRITTEN, IdRules
from hybrid_recs.generation.scoring_parameters import ScoringParameters
from hybrid_recs.types import HistoryWeights, Json

SCHEMA_VERSION = 4
OLDEST_SCHEMA_VERSION = 4
"""The oldest that is still read: fields added since have defaults, files added since are optional."""
FILE_NAME = "manifest.json"
DEMO_DATASET = "demo"
"""The demo shop's name: its generation is never protected from being replaced."""
_LIBRARIES = ("hybrid-recs", "faiss-cpu", "numpy", "scipy", "polars", "redis")
_DEFAULTS = ScoringParameters()


class _Frozen(BaseModel):
    # As text: a figure that is NaN must be refused by the gate, not make the manifest unreadable.
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")


class _SchemaVersion(BaseModel):
    """Read first: manifests of other versions need not fit the model below."""

    schema_version: int


class FileEntry(_Frozen):
    """Size and checksum of one file."""

    bytes: int
    sha256: str


class SearchFigure(_Frozen):
    """The effort that reached `recall` at `k` on tail items, and the milliseconds of one search.

    effort: efSearch of HNSW, nprobe of IVF, 0 of an exact index.
    """

    k: int
    effort: int
    recall: float
    milliseconds: float


class IndexInfo(_Frozen):
    """The kind of FAISS index and its tuned search effort."""

    kind: str
    search: list[SearchFigure]


class ScoringInfo(_Frozen):
    """`ScoringParameters` as the manifest records them, and how they were chosen.

    repeat: σ, by which a session's own items' weights count again; None: they are never recommended again.
    tried: parameter → value → mean over the validation slice (HR@20 of the next item after an item and
        after a session, nDCG@20 of users' later items), in the order of the search.
    validation_pairs, validation_users: held-out steps and users. hr: HR@20 of the chosen parameters after
        an item; None when there was too little data to judge. hold_out: how those were chosen.
    """

    covisit_weight: float = _DEFAULTS.covisit_weight
    tilt: float = _DEFAULTS.tilt
    steps: int = _DEFAULTS.steps
    half_life: float = _DEFAULTS.half_life
    trend_half_life: float = _DEFAULTS.trend_half_life
    session_decay: float = _DEFAULTS.session.decay
    session_weight: float = _DEFAULTS.session.covisit_weight
    session_trend: float = _DEFAULTS.session.trend
    user_decay: float = _DEFAULTS.user.decay
    user_weight: float = _DEFAULTS.user.covisit_weight
    user_trend: float = _DEFAULTS.user.trend
    repeat: float | None = _DEFAULTS.session.repeat
    tried: dict[str, dict[str, float]] = {}
    validation_pairs: int = 0
    validation_users: int = 0
    hr: float | None = None
    hold_out: str = ""

    @classmethod
    def of(
        cls,
        parameters: ScoringParameters,
        tried: dict[str, dict[str, float]] | None = None,
        validation_pairs: int = 0,
        validation_users: int = 0,
        hr: float | None = None,
        hold_out: str = "",
    ) -> "ScoringInfo":
        """The record of `parameters`."""
        session, user = parameters.session, parameters.user
        return cls(
            covisit_weight=parameters.covisit_weight,
            tilt=parameters.tilt,
            steps=parameters.steps,
            half_life=parameters.half_life,
            trend_half_life=parameters.trend_half_life,
            session_decay=session.decay,
            session_weight=session.covisit_weight,
            session_trend=session.trend,
            user_decay=user.decay,
            user_weight=user.covisit_weight,
            user_trend=user.trend,
            repeat=session.repeat,
            tried=tried or {},
            validation_pairs=validation_pairs,
            validation_users=validation_users,
            hr=hr,
            hold_out=hold_out,
        )

    @property
    def parameters(self) -> ScoringParameters:
        """The recorded parameters."""
        return ScoringParameters(
            covisit_weight=self.covisit_weight,
            tilt=self.tilt,
            steps=self.steps,
            half_life=self.half_life,
            trend_half_life=self.trend_half_life,
            session=self.of_session,
            user=self.of_user,
        )

    @property
    def of_session(self) -> HistoryWeights:
        """How a session is scored; its items may be recommended again where visitors return to items."""
        return HistoryWeights(self.session_decay, self.session_weight, self.session_trend, self.repeat)

    @property
    def of_user(self) -> HistoryWeights:
        """How a user's history is scored; its own items are never recommended again."""
        return HistoryWeights(self.user_decay, self.user_weight, self.user_trend)


class ContentInfo(_Frozen):
    """The content encoder and its quality, measured by hiding items.

    items: with interactions, that it was fitted to. cosine: of a hidden item's content vector with its
    learned one, mean over `hidden` items; recall: share of the 20 nearest to the one that are nearest to the
    other.
    """

    features: int
    regulariser: float
    items: int
    hidden: int
    cosine: float
    recall: float


class DatasetInfo(_Frozen):
    """Where the data came from, how many rows were kept and dropped, and how ids are spelt.

    stock: whether the items table says which items are available. description: the keys of the dataset.toml;
    None where they were not recorded.
    """

    name: str
    fingerprint: str
    account: Json
    ids: IdRules = AS_WRITTEN
    stock: bool = False
    description: Json | None = None


class StepInfo(_Frozen):
    """One step of the job; peak_mb: most resident memory while it ran, in MB (10^6 bytes)."""

    name: str
    seconds: float
    peak_mb: float


class Manifest(_Frozen):
    """Everything about one generation except its data.

    Of `items` rows the first `vectors` have a vector; of those the first `learned` from interactions, the
    rest from their metadata. changes: number of the last item change that the build includes.
    new_dataset: it was not compared with the generation that served before, on demand.
    """

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
    learned: int
    changes: int = 0
    dimensions: int
    hot_items: int
    list_depth: int
    index: IndexInfo
    scoring: ScoringInfo
    content: ContentInfo | None = None
    quality: dict[str, float] = {}
    forced: bool = False
    new_dataset: bool = False
    steps: list[StepInfo] = []
    files: dict[str, FileEntry] = {}

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read the manifest of a sealed generation."""
        path = folder / FILE_NAME
        try:
            content = path.read_bytes()
            version_found = _SchemaVersion.model_validate_json(content).schema_version
            if not OLDEST_SCHEMA_VERSION <= version_found <= SCHEMA_VERSION:
                raise CorruptGenerationError(
                    f"{path}: schema version {version_found}, this program reads "
                    f"{_versions(OLDEST_SCHEMA_VERSION, SCHEMA_VERSION)}; rebuild the index"
                )
            return cls.model_validate_json(content)
        except (OSError, ValidationError) as error:
            raise CorruptGenerationError(f"{path}: not a readable manifest ({_problem(error)})") from error


def _problem(error: OSError | ValidationError) -> str:
    """The first problem, on one line."""
    if isinstance(error, OSError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))


def _versions(oldest: int, newest: int) -> str:
    return str(newest) if oldest == newest else f"{oldest} to {newest}"


def dataset_name_of(folder: Path) -> str | None:
    """The dataset of a generation, possibly of another version of this program; None: unreadable."""
    try:
        return str(orjson.loads((folder / FILE_NAME).read_bytes())["dataset"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def new_id(now: datetime | None = None) -> str:
    """An id; ids sort by the time they were created."""
    return (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S%fZ")


def library_versions() -> dict[str, str]:
    """Versions of the libraries that the artefacts depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}


def checksum(path: Path) -> FileEntry:
    """Size and SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileEntry(bytes=path.stat().st_size, sha256=digest)
