"""Text files as UTF-8, which is what Polars reads."""

import codecs
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import zstandard

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.compression import DataFile, open_bytes
from hybrid_recs.offline.sources.scratch import new_file

_CHUNK = 1 << 22
_START, _FEW = 1 << 16, 64
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


def starts_as_utf8(file: DataFile, encoding: str) -> bool:
    """Whether a file is to be read as UTF-8, and starts so, in lines that end in a line feed.

    Raises DatasetError when it is UTF-16.
    """
    if encoding != "utf-8":
        return False
    start = _start(file)
    _require_no_utf16(file, start)
    try:
        codecs.getincrementaldecoder(encoding)().decode(start)
    except UnicodeDecodeError:
        return False
    return not _ends_in_cr(start)


def _check_or_copy(file: DataFile, encoding: str) -> Path:
    start = _start(file)
    ends_in_cr = _ends_in_cr(start)
    if encoding == "utf-8":
        _require_no_utf16(file, start)
        if not ends_in_cr:
            _decode(file, encoding, None)
            return file.path
    copy, path = new_file(file.path.suffix)
    with copy:
        _decode(file, encoding, copy, ends_in_cr)
    return path


def _start(file: DataFile) -> bytes:
    with _explained(file), open_bytes(file.path) as content:
        return content.read(_START)


def _ends_in_cr(start: bytes) -> bool:
    """As lines did on old Macs."""
    return b"\r" in start and b"\n" not in start


def _require_no_utf16(file: DataFile, start: bytes) -> None:
    """Without a mark at its start, UTF-16 is mostly valid UTF-8, too."""
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        halves = start[first:_FEW:2]
        if len(halves) > 1 and not any(halves):
            raise DatasetError(f'{file.name}: it is not utf-8; set encoding = "{encoding}"')


@contextmanager
def _explained(file: DataFile) -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError, zlib.error, zstandard.ZstdError) as error:
        raise DatasetError(f"{file.name}: cannot be decompressed ({error})") from error


def _decode(file: DataFile, encoding: str, copy: IO[bytes] | None, ends_in_cr: bool = False) -> None:
    """Lines that end in a carriage return alone, as on old Macs, are copied with a line feed instead."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with _explained(file), open_bytes(file.path) as content:
        for text in _decoded(file, content, decoder, encoding):
            if copy is not None:
                copy.write((text.replace("\r", "\n") if ends_in_cr else text).encode())


def _decoded(
    file: DataFile, content: IO[bytes], decoder: codecs.IncrementalDecoder, encoding: str
) -> Iterator[str]:
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
        yield text
        if not chunk:
            return
        chunk = content.read(_CHUNK)


def _remedy(start: bytes) -> str:
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return 'set encoding = "utf-16" (the Unicode text of spreadsheets)'
    return (
        'say what the file is written in, such as encoding = "cp1252" (Windows, western Europe) or "latin-1"'
    )
