"""Text files as UTF-8, which is what Polars reads."""

import atexit
import codecs
import functools
import gzip
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

from hybrid_recs.errors import DatasetError

_CHUNK = 1 << 22
_checked: dict[tuple[Path, str, int, int], Path] = {}
"""By path, encoding, size and time of change: a table is scanned several times."""


def as_utf8(path: Path, encoding: str) -> Path:
    """The file itself if it is UTF-8, else a copy that is, which lives as long as the process.

    Raises DatasetError, with the place and its bytes, when the file is not in that encoding: ids must never
    be read as other ids.
    """
    status = path.stat()
    key = (path, encoding, status.st_size, status.st_mtime_ns)
    if key not in _checked:
        _checked[key] = _check_or_copy(path, encoding)
    return _checked[key]


def _check_or_copy(path: Path, encoding: str) -> Path:
    decoder = codecs.getincrementaldecoder(encoding)()
    if encoding == "utf-8":
        _decode(path, decoder, encoding, None)
        return path
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    handle, name = tempfile.mkstemp(suffix=plain.suffix, dir=_folder())
    with os.fdopen(handle, "wb") as copy:
        _decode(path, decoder, encoding, copy)
    return Path(name)


def _decode(path: Path, decoder: codecs.IncrementalDecoder, encoding: str, copy: IO[bytes] | None) -> None:
    with open_text(path) as file:
        lines = 1
        while True:
            chunk = file.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                lines += error.object.count(b"\n", 0, error.start)
                there = error.object[max(0, error.start - 10) : error.end + 10]
                raise DatasetError(
                    f"{path}, line {lines}: {there!r} is not {encoding}; say what the file is written in, "
                    'such as encoding = "cp1252" (Windows, western Europe) or "latin-1"'
                ) from error
            lines += chunk.count(b"\n")
            if copy is not None:
                copy.write(text.encode())
            if not chunk:
                return


def open_text(path: Path) -> IO[bytes]:
    """The bytes of a file, decompressed."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


@functools.cache
def _folder() -> str:
    folder = tempfile.mkdtemp(prefix="hybrid-recs-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
