"""A folder for copies of input files in a form that Polars reads; it is removed when the process ends."""

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO


@functools.cache
def _folder() -> str:
    folder = tempfile.mkdtemp(prefix="hybrid-recs-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def new_file(suffix: str) -> tuple[IO[bytes], Path]:
    """An open, empty file and its path; the caller closes it."""
    handle, name = tempfile.mkstemp(suffix=suffix, dir=_folder())
    return os.fdopen(handle, "wb"), Path(name)
