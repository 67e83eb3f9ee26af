"""Files that outlive a crash, and folders that one process at a time may write to."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

LOCK = ".lock"


def sync(path: Path) -> None:
    """Return once a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(folder: Path) -> IO[Any] | None:
    """The lock of a folder's one writer, made if need be: held until it is closed, and freed by the kernel
    if the process dies. None while another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / LOCK).open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


@contextmanager
def locked(folder: Path, busy: Exception) -> Iterator[None]:
    """Be the one writer of a folder; raises `busy` while another process is."""
    held = lock(folder)
    if held is None:
        raise busy
    with held:
        yield
