"""Text files as UTF-8, which is what Polars reads."""

import codecs
import zlib
from pathlib import Path
from typing import IO

import zstandard

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.compression import DataFile, open_bytes
from hybrid_recs.offline.sources.scratch import new_file

_CHUNK = 1 << 22
_checked: dict[tuple[Path, str, int, int], Path] = {}
"""By path, encoding, size and time of change: a table is scanned several times."""


def as_utf8(file: DataFile, encoding: str) -> Path:
    """The file itself if it is UTF-8, else a copy that is, which lives as long as the process.

    Raises DatasetError, with the place and its bytes, when the file is not in that encoding: ids must never
    be read as other ids.
    """
    status = file.path.stat()
    key = (file.path, encoding, status.st_size, status.st_mtime_ns)
    if key not in _checked:
        _checked[key] = _check_or_copy(file, encoding)
    return _checked[key]


def _check_or_copy(file: DataFile, encoding: str) -> Path:
    if encoding == "utf-8":
        _decode(file, encoding, None)
        return file.path
    copy, path = new_file(file.path.suffix)
    with copy:
        _decode(file, encoding, copy)
    return path


def _decode(file: DataFile, encoding: str, copy: IO[bytes] | None) -> None:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with open_bytes(file.path) as content:
            _decode_chunks(file, content, decoder, encoding, copy)
    except (EOFError, OSError, zlib.error, zstandard.ZstdError) as error:
        raise DatasetError(f"{file.name}: cannot be decompressed ({error})") from error


def _decode_chunks(
    file: DataFile,
    content: IO[bytes],
    decoder: codecs.IncrementalDecoder,
    encoding: str,
    copy: IO[bytes] | None,
) -> None:
    lines, chunk = 1, content.read(_CHUNK)
    start = chunk[:2]
    while True:
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            lines += error.object.count(b"\n", 0, error.start)
            there = error.object[error.start : error.end]
            raise DatasetError(
                f"{file.name}, line {lines}: {there!r} is not {encoding}; {_remedy(start)}"
            ) from error
        lines += chunk.count(b"\n")
        if copy is not None:
            copy.write(text.encode())
        if not chunk:
            return
        chunk = content.read(_CHUNK)


def _remedy(start: bytes) -> str:
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return 'set encoding = "utf-16" (the Unicode text of spreadsheets)'
    return (
        'say what the file is written in, such as encoding = "cp1252" (Windows, western Europe) or "latin-1"'
    )
