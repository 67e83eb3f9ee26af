"""The files of a table: what is in them, and what their folders say."""

import codecs
import zlib
from pathlib import Path
from urllib.parse import unquote

import zstandard

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.compression import DataFile, open_bytes, unpacked
from hybrid_recs.offline.sources.dataset_config import (
    DatasetConfig,
    Format,
    Table,
    format_of,
    uncompressed,
)

Partition = tuple[tuple[str, str | None], ...]

_BLANK_BYTES = 1 << 12  # files over this size are not looked into
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_MAGIC: dict[bytes, Format] = {b"PAR1": "parquet", b"ARROW1": "arrow"}


def data_files(config: DatasetConfig, table: Table) -> list[DataFile]:
    """The files of a table without empty ones; raises DatasetError when there are none."""
    found = _all_files(config, table)
    files = [file for file in found if not _is_blank(file.path)]
    if not files:
        raise DatasetError(
            f"{found[0].name}: it is empty" + (", as all others are" if len(found) > 1 else "")
        )
    return files


def empty_files(config: DatasetConfig, table: Table) -> list[DataFile]:
    """The files that are passed over."""
    return [file for file in _all_files(config, table) if _is_blank(file.path)]


def format_of_file(file: DataFile, table: Table) -> Format:
    """By the table, the content or the ending; raises DatasetError when none of them tells."""
    kind = table.format or _by_content(file.path) or format_of(file.path) or format_of(Path(file.name))
    if kind is None:
        raise DatasetError(
            f'{file.name}: cannot tell the format from {file.path.suffix!r}; set format = "csv" '
            "(or ndjson, parquet, arrow, xlsx)"
        )
    return kind


def partition_of(config: DatasetConfig, file: DataFile) -> Partition:
    """Columns that the folders of a file name, such as year=2024/month=01."""
    folder = file.origin.parent
    if folder.is_relative_to(config.folder):
        folder = folder.relative_to(config.folder)
    parts = [part.partition("=") for part in folder.parts if "=" in part]
    return tuple((name, None if value == _NO_VALUE else unquote(value)) for name, _, value in parts if name)


def _all_files(config: DatasetConfig, table: Table) -> list[DataFile]:
    """Raises DatasetError when a file is there compressed as well: its rows would count twice."""
    seen: dict[Path, Path] = {}
    for path in config.files(table):
        twin = seen.setdefault(uncompressed(path), path)
        if twin is not path:
            raise DatasetError(
                f"{twin} and {path.name} seem to be the same file twice; move one of them away, or set path "
                f'to a pattern that fits one, such as "*{"".join(path.suffixes[-2:])}"'
            )
    return [file for path in seen.values() for file in unpacked(path)]


def _is_blank(path: Path) -> bool:
    if path.stat().st_size > _BLANK_BYTES:
        return False
    try:
        with open_bytes(path) as content:
            start = content.read(_BLANK_BYTES)
    except (EOFError, OSError, zlib.error, zstandard.ZstdError):
        return False
    return not start.removeprefix(codecs.BOM_UTF8).removeprefix(codecs.BOM_UTF16_LE).strip()


def _by_content(path: Path) -> Format | None:
    with path.open("rb") as file:
        start = file.read(max(map(len, _MAGIC)))
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)
