"""Files that survive a crash, and locks for folders that one process at a time may write to."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

LOCK = ".lock"
"""The lock is on this file of the folder: held until the file is closed, and freed by the kernel if the
process dies."""


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(folder: Path) -> IO[Any]:
    """The lock of a folder, which is created if need be; waits while another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / LOCK).open("a+")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def try_lock(folder: Path, name: str = LOCK) -> IO[Any] | None:
    """As `lock`, but None while another process holds it. name: of the file, for a second lock."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / name).open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


@contextmanager
def locked(folder: Path, busy: Exception) -> Iterator[None]:
    """Be the one writer of a folder; raises `busy` while another process is."""
    file = try_lock(folder)
    if file is None:
        raise busy
    with file:
        yield
