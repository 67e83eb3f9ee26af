"""Compressed files, recognised by their first bytes, whatever they are called."""

import bz2
import functools
import gzip
import lzma
import shutil
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

import zstandard

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.dataset_config import may_hold_data, uncompressed
from hybrid_recs.offline.sources.scratch import new_file

_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
# What Polars does not read compressed is unpacked.
_TO_UNPACK: dict[bytes, Callable[[Path], IO[bytes]]] = {b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
# Files of these formats are zip archives themselves.
_ARCHIVES_THAT_ARE_DATA = (".xlsx",)


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a table. name: what to call it in messages. path: where its content is. origin: the file
    of the dataset that it is or comes from."""

    name: str
    path: Path
    origin: Path


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
    """The data files of a zip archive, extracted; any other file as it is, or unpacked for Polars to read."""
    is_archive = _starts_with(path, _ZIP) and path.suffix.lower() not in _ARCHIVES_THAT_ARE_DATA
    if not is_archive and not any(_starts_with(path, magic) for magic in _TO_UNPACK):
        return [DataFile(str(path), path, path)]
    status = path.stat()
    extract = _extracted if is_archive else _decompressed
    return list(extract(path, status.st_size, status.st_mtime_ns))


@functools.cache
def _extracted(path: Path, _size: int, _modified: int) -> tuple[DataFile, ...]:
    """A table is opened several times; its archives are extracted once."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if not name.endswith("/"))
            known = [name for name in names if _is_data(name)] or (names if len(names) == 1 else [])
            members = [DataFile(f"{path}: {name}", _extract(archive, name), path) for name in known]
    except (zipfile.BadZipFile, RuntimeError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path}: cannot be unpacked ({error})") from error
    if not members:
        raise DatasetError(f"{path}: an archive without any data file")
    return tuple(members)


def _is_data(name: str) -> bool:
    return may_hold_data(Path(name)) and "__MACOSX" not in PurePosixPath(name).parts


@functools.cache
def _decompressed(path: Path, _size: int, _modified: int) -> tuple[DataFile, ...]:
    opened = next(opens for magic, opens in _TO_UNPACK.items() if _starts_with(path, magic))
    target, copy = new_file(uncompressed(path).suffix)
    try:
        with target, opened(path) as source:
            shutil.copyfileobj(source, target)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise DatasetError(f"{path}: cannot be unpacked ({error})") from error
    return (DataFile(str(path), copy, path),)


def _extract(archive: zipfile.ZipFile, name: str) -> Path:
    target, path = new_file("".join(Path(name).suffixes[-2:]))
    with target, archive.open(name) as source:
        shutil.copyfileobj(source, target)
    return path


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic
