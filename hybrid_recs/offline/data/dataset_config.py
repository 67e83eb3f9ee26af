"""`dataset.toml`: where interactions and items are, and what their columns mean."""

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from hybrid_recs.errors import DatasetError

Format = Literal["csv", "ndjson", "parquet"]
FORMAT_OF_ENDING: dict[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".dat": "csv",
    ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Columns = Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]


class Table(BaseModel):
    """Keys that both tables share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    format: Format | None = None
    separator: str = Field("", description="default: a tab for .tsv, else a comma")
    columns: list[str] | None = None


class Interactions(Table):
    """One `[interactions]` table; optional: to have no files yet is no error."""

    user: Columns
    item: str
    time: str | None = None
    weight: str | None = None
    event: str | None = None
    event_weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] | None = None
    where: str | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _one_kind_of_weight(self) -> Self:
        if self.weight and self.event:
            raise ValueError("give either weight or event, not both")
        if bool(self.event) != bool(self.event_weights):
            raise ValueError("event and event_weights go together")
        return self


class Categories(BaseModel):
    """A column of category names, several in one cell where `separator` is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    separator: str | None = None


def _as_categories(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


def _as_tables(value: object) -> object:
    return [value] if isinstance(value, dict | Interactions) else value


class Items(Table):
    """The `[items]` table."""

    id: str
    title: str | None = None
    categories: Annotated[Categories | None, BeforeValidator(_as_categories)] = None
    text: Annotated[list[str], BeforeValidator(_as_list)] = []


class DatasetConfig(BaseModel):
    """One `dataset.toml`; relative paths start from `folder`.

    interactions: one `[interactions]` table, or several `[[interactions]]`, read one after the other.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    interactions: Annotated[list[Interactions], BeforeValidator(_as_tables), Field(min_length=1)]
    items: Items | None = None
    folder: Path = Field(Path(), exclude=True)
    name: str = Field("", exclude=True)

    @field_validator("interactions")
    @classmethod
    def _all_timed_or_none(cls, tables: list[Interactions]) -> list[Interactions]:
        if len({table.time is None for table in tables}) > 1:
            raise ValueError("a time is needed in all interactions tables or in none")
        return tables

    @property
    def timed(self) -> bool:
        """Whether interactions have a time."""
        return self.interactions[0].time is not None

    @property
    def sources(self) -> list[Interactions]:
        """The interactions tables that have files; raises DatasetError where one that must has none."""
        return [table for table in self.interactions if not table.optional or self._has_files(table)]

    def _has_files(self, table: Table) -> bool:
        try:
            return bool(self.files(table))
        except DatasetError:
            return False

    @classmethod
    def load(cls, path: Path, data_dir: Path | None = None) -> "DatasetConfig":
        """Read a description; `data_dir` replaces the folder that relative paths start from."""
        try:
            raw = tomllib.loads(path.read_text("utf-8"))
            description = cls.model_validate(raw)
        except (OSError, UnicodeDecodeError) as error:
            raise DatasetError(f"{path}: cannot be read ({error})") from error
        except tomllib.TOMLDecodeError as error:
            raise DatasetError(f"{path}: not valid TOML ({error})") from error
        except ValidationError as error:
            raise DatasetError(f"{path}: {_first_problem(error)}") from error
        name = path.resolve().parent.name if path.stem == "dataset" else path.stem
        return description.model_copy(update={"folder": data_dir or path.parent, "name": name})

    def files(self, table: Table) -> list[Path]:
        """The files a table's path stands for, in name order."""
        location = self.folder / table.path
        if location.is_file():
            return [location]
        if location.is_dir():
            found = [p for p in location.rglob("*") if p.suffix in FORMAT_OF_ENDING and p.is_file()]
            if table.format:
                found = [p for p in found if FORMAT_OF_ENDING[p.suffix] == table.format]
            remedy = f"a folder with none of {', '.join(FORMAT_OF_ENDING)}"
        else:
            found = [p for p in _glob(location) if p.is_file()]
            remedy = "no such file or folder, and no file matches it as a pattern"
        if not found:
            raise DatasetError(f"{location}: {remedy}")
        return sorted(found)


def fingerprint(description: DatasetConfig) -> str:
    """SHA-256 of the description and of every file it names, in order."""
    digest = hashlib.sha256(description.model_dump_json().encode())
    for table in (*description.sources, description.items):
        for path in description.files(table) if table else []:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _glob(location: Path) -> list[Path]:
    fixed = location
    while any(sign in str(fixed) for sign in "*?["):
        fixed = fixed.parent
    return list(fixed.glob(str(location.relative_to(fixed)))) if fixed != location else []


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    # Of one table among many its place is told from the second on.
    where = ".".join(str(part) for part in problem["loc"] if part != 0)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {problem['msg']}{more}"
