"""Compressed files, recognised by their first bytes, whatever they are called."""

import functools
import gzip
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import zstandard

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.dataset_config import format_of
from hybrid_recs.offline.sources.scratch import new_file

_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
# Files of these formats are zip archives themselves.
_ARCHIVES_THAT_ARE_DATA = (".xlsx",)


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a table. name: what to call it in messages. path: where its content is."""

    name: str
    path: Path


def is_compressed(path: Path) -> bool:
    return _starts_with(path, _GZIP) or _starts_with(path, _ZSTD)


def open_bytes(path: Path) -> IO[bytes]:
    """The content of a file, decompressed."""
    if _starts_with(path, _GZIP):
        return cast(IO[bytes], gzip.open(path))
    if _starts_with(path, _ZSTD):
        return cast(IO[bytes], zstandard.open(path, "rb"))
    return path.open("rb")


def unpacked(path: Path) -> list[DataFile]:
    """The data files of a zip archive, extracted; any other file as it is."""
    if path.suffix in _ARCHIVES_THAT_ARE_DATA or not _starts_with(path, _ZIP):
        return [DataFile(str(path), path)]
    status = path.stat()
    return list(_extracted(path, status.st_size, status.st_mtime_ns))


@functools.cache
def _extracted(path: Path, _size: int, _modified: int) -> tuple[DataFile, ...]:
    """A table is opened several times; its archives are extracted once."""
    try:
        with zipfile.ZipFile(path) as archive:
            files = [name for name in archive.namelist() if format_of(Path(name))]
            members = tuple(DataFile(f"{path}: {name}", _extract(archive, name)) for name in sorted(files))
    except (zipfile.BadZipFile, RuntimeError) as error:
        raise DatasetError(f"{path}: cannot be unpacked ({error})") from error
    if not members:
        raise DatasetError(f"{path}: an archive without any data file")
    return members


def _extract(archive: zipfile.ZipFile, name: str) -> Path:
    target, path = new_file("".join(Path(name).suffixes[-2:]))
    with target, archive.open(name) as source:
        shutil.copyfileobj(source, target)
    return path


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic
