"""`dataset.toml`: where interactions and items are, and what their columns mean."""

import codecs
import hashlib
import tomllib
import zoneinfo
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from hybrid_recs.errors import DatasetError
from hybrid_recs.generation.id_rules import IdRules

Format = Literal["csv", "ndjson", "parquet", "arrow", "xlsx"]
FORMAT_OF_ENDING: dict[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".psv": "csv", ".txt": "csv", ".dat": "csv",
    ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson",
    ".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow", ".feather": "arrow", ".xlsx": "xlsx",
}  # fmt: skip


OWN_FILES = "raw"
"""What a query calls the files of its own table's path."""

COMPRESSED = (".gz", ".zst", ".zip", ".bz2", ".xz")


def format_of(path: Path) -> Format | None:
    """The format that the ending of a file stands for; `.csv.gz` is a compressed `.csv`."""
    return FORMAT_OF_ENDING.get(uncompressed(path).suffix.lower())


def uncompressed(path: Path) -> Path:
    """The path without the ending of a compression."""
    return path.with_suffix("") if path.suffix.lower() in COMPRESSED else path


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Columns = Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]


class Table(BaseModel):
    """Keys of all tables."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = ""
    format: Format | None = None
    separator: str = Field("", description="default: a tab for .tsv, else a comma")
    columns: list[str] | None = None
    encoding: str = Field("utf-8", description="of text files; a name that Python knows")
    quote: str = Field('"', max_length=1, description="of CSV; empty: quotes are ordinary characters")
    null_values: list[str] = Field([], description="more texts that stand for a missing value")
    decimal: str = Field(".", pattern=r"^[.,]$")
    thousands: str = Field("", max_length=1)
    skip_rows: int = Field(0, ge=0, description="lines before the header")
    comment: str = Field("", description="what lines that are no data start with")
    # Of all tables of the dataset, as several may name the same files.
    _private_columns: list[str] = PrivateAttr(default_factory=list)
    _feeds_a_query: bool = PrivateAttr(False)

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            return codecs.lookup(name).name
        except LookupError:
            raise ValueError(f"{name!r} is no encoding that is known") from None

    @property
    def shown(self) -> str:
        """What to call the table in messages."""
        return self.path

    @property
    def named_columns(self) -> list[str]:
        """The columns that the table's keys name."""
        return []

    @property
    def id_columns(self) -> list[str]:
        """Those of them that hold ids."""
        return []

    @property
    def private_columns(self) -> list[str]:
        """The columns whose values may name a person."""
        return self._private_columns

    @property
    def private_fields(self) -> list[str] | None:
        """Those of the files; None: all, as a query may call a column something else."""
        return None if self._feeds_a_query else self._private_columns


class CellList(BaseModel):
    """A column whose cells may hold several values, apart by `separator`; a list column needs none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    separator: str | None = None


def _as_cell_list(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


CellListColumn = Annotated[CellList, BeforeValidator(_as_cell_list)]


class QueriedTable(Table):
    """A table whose rows are its files', or the result of an SQL query over raw tables."""

    query: str | None = None

    @property
    def shown(self) -> str:
        return self.path or "query"

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if not self.path and not self.query:
            raise ValueError("give path or query")
        return self


class RawTable(Table):
    """One `[tables.NAME]`, which only queries read."""

    @model_validator(mode="after")
    def _has_files(self) -> Self:
        if not self.path:
            raise ValueError("give path")
        return self


class InteractionsTable(QueriedTable):
    """One `[interactions]` table; an optional one may have no files yet.

    item: with a separator, or of a list column, each cell holds several items.
    basket: what was bought together.
    time_format: how to read times, tried in turn: strftime texts, `excel`, `unix`, `unix_ms`, `unix_us`,
        `unix_ns`. time_zone: of times that name none.
    """

    user: Columns
    item: CellListColumn
    time: str | None = None
    time_format: Annotated[list[str], BeforeValidator(_as_list)] = []
    time_zone: str = "UTC"
    weight: str | None = None
    event: str | None = None
    event_weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] | None = None
    where: str | None = None
    basket: str | None = None
    optional: bool = False

    @property
    def named_columns(self) -> list[str]:
        names = [*self.user, self.item.column, self.time, self.weight, self.event, self.basket]
        return [name for name in names if name]

    @property
    def id_columns(self) -> list[str]:
        return [*self.user, self.item.column]

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in zoneinfo.available_timezones():
            raise ValueError(f"{name!r} is no time zone, such as Europe/Berlin")
        return name

    @model_validator(mode="after")
    def _one_kind_of_weight(self) -> Self:
        if self.weight and self.event:
            raise ValueError("give either weight or event, not both")
        if bool(self.event) != bool(self.event_weights):
            raise ValueError("event and event_weights go together")
        return self


def _as_tables(value: object) -> object:
    return [value] if isinstance(value, dict | InteractionsTable) else value


class ItemsTable(QueriedTable):
    """The `[items]` table.

    available: whether an item is in stock. only_listed: items that are not in the table are not recommended.
    group: the product that an item is a variant of.
    """

    id: str
    title: str | None = None
    categories: CellListColumn | None = None
    text: Annotated[list[str], BeforeValidator(_as_list)] = []
    where: str | None = None
    available: str | None = None
    only_listed: bool = False
    group: str | None = None

    @property
    def named_columns(self) -> list[str]:
        categories = self.categories.column if self.categories else None
        names = (self.id, self.title, categories, *self.text, self.available, self.group)
        return [name for name in names if name]

    @property
    def id_columns(self) -> list[str]:
        return [self.id, *([self.group] if self.group else [])]


class DatasetConfig(BaseModel):
    """One `dataset.toml`; relative paths start from `folder`.

    interactions: one `[interactions]` table, or several `[[interactions]]`, read one after the other.
    name: default: the name of the file, or of its folder if the file is called dataset.toml.
    tables: raw tables, by the names that queries know them by.
    order: whether the rows of a user are in an order that means something; default: judged by the data.
    keep_stray_times: keep rows whose times are far from all others or in the future.
    keep_crawlers: keep visitors that look like programs; else at most `max_crawlers` of all are left out.
    id_case, strip, whole_numbers: how ids of users and items are spelt; whole_numbers: 1000.0 is 1000.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    interactions: Annotated[list[InteractionsTable], BeforeValidator(_as_tables), Field(min_length=1)]
    items: ItemsTable | None = None
    tables: dict[str, RawTable] = {}
    name: str = ""
    order: Literal["file", "none"] | None = None
    keep_stray_times: bool = False
    keep_crawlers: bool = False
    max_crawlers: float = Field(0.01, ge=0, le=1, description="share of visitors")
    id_case: Literal["lower", "upper"] | None = None
    strip: bool = False
    whole_numbers: bool = False
    folder: Path = Field(Path(), exclude=True)

    @field_validator("interactions")
    @classmethod
    def _all_timed_or_none(cls, tables: list[InteractionsTable]) -> list[InteractionsTable]:
        if len({table.time is None for table in tables}) > 1:
            raise ValueError("a time is needed in all interactions tables or in none")
        return tables

    @model_validator(mode="after")
    def _share_private_columns(self) -> Self:
        tables: list[QueriedTable] = [*self.interactions, *([self.items] if self.items else [])]
        queries = any(table.query for table in tables)
        for table in (*tables, *self.tables.values()):
            table._private_columns = sorted({name for one in self.interactions for name in one.user})
            table._feeds_a_query = bool(table.query) if isinstance(table, QueriedTable) else queries
        return self

    @model_validator(mode="after")
    def _one_meaning_of_raw(self) -> Self:
        queried = [*self.interactions, *([self.items] if self.items else [])]
        if OWN_FILES in self.tables and any(table.query and table.path for table in queried):
            raise ValueError(
                f"tables.{OWN_FILES}: {OWN_FILES} is what a query calls the files of its own path; call the "
                "table something else"
            )
        return self

    @property
    def id_rules(self) -> IdRules:
        return IdRules(self.id_case, self.strip, self.whole_numbers)

    @property
    def timed(self) -> bool:
        """Whether interactions have a time."""
        return self.interactions[0].time is not None

    @property
    def sources(self) -> list[InteractionsTable]:
        """All interactions tables but optional ones without files."""
        return [table for table in self.interactions if not table.optional or self._has_files(table)]

    def _has_files(self, table: Table) -> bool:
        try:
            return bool(self.files(table))
        except DatasetError:
            return False

    @classmethod
    def load(cls, path: Path, data_dir: Path | None = None) -> "DatasetConfig":
        """Read a dataset.toml; `data_dir` replaces the folder that relative paths start from."""
        try:
            raw = tomllib.loads(path.read_text("utf-8"))
            config = cls.model_validate(raw)
        except (OSError, UnicodeDecodeError) as error:
            raise DatasetError(f"{path}: cannot be read ({error})") from error
        except tomllib.TOMLDecodeError as error:
            raise DatasetError(f"{path}: not valid TOML ({error})") from error
        except ValidationError as error:
            raise DatasetError(f"{path}: {_first_problem(error)}") from error
        default = path.resolve().parent.name if path.stem == "dataset" else path.stem
        return config.model_copy(update={"folder": data_dir or path.parent, "name": config.name or default})

    def files(self, table: Table) -> list[Path]:
        """The files that a table's path matches, by name; raises DatasetError when there are none.

        A query without files of its own has those of all raw tables.
        """
        if not table.path:
            return [path for raw in self.tables.values() for path in self.files(raw)]
        location = self.folder / table.path
        if location.is_file():
            return [location]
        if location.is_dir():
            paths = [p for p in location.rglob("*") if may_hold_data(p) and p.is_file()]
            if table.format:
                paths = [p for p in paths if format_of(p) in (table.format, None)]
            remedy = f"a folder with none of {', '.join(FORMAT_OF_ENDING)}"
        else:
            paths = [p for p in _glob(location) if p.is_file()]
            remedy = "no such file or folder, and no file matches it as a pattern"
        if not paths:
            raise DatasetError(f"{location}: {remedy}")
        return sorted(paths)


def fingerprint(config: DatasetConfig) -> str:
    """SHA-256 of the configuration and of every file it names, in order."""
    digest = hashlib.sha256(config.model_dump_json(exclude={"name"}).encode())
    for table in (*config.sources, config.items, *config.tables.values()):
        for path in config.files(table) if table and table.path else []:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def separator_of(table: Table, path: Path) -> str:
    """The separator of a CSV file: the table's, else a tab for `.tsv`, `|` for `.psv`, else a comma."""
    ending = uncompressed(path).suffix.lower()
    return table.separator or {".tsv": "\t", ".psv": "|"}.get(ending, ",")


def may_hold_data(path: Path) -> bool:
    """Files that others write on the way are called ._x, .x or _x."""
    known = format_of(path) is not None or path.suffix.lower() == ".zip"
    return known and not path.name.startswith((".", "_"))


def _glob(location: Path) -> list[Path]:
    fixed = location
    while not fixed.is_dir():  # a folder that is there is no pattern, though it be called [1]
        fixed = fixed.parent
    return list(fixed.glob(str(location.relative_to(fixed)))) if fixed != location else []


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    # The number of a table is named from the second table on.
    where = ".".join(str(part) for part in problem["loc"] if part != 0)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {problem['msg']}{more}"
