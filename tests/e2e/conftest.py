"""A checkout of its own for each test."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_recs.cache import embedded_server
from tests.paths import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """The files under version control, with this checkout's environment to save installing it again."""
    folder = tmp_path / "hybrid-recs"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    yield folder
    embedded_server.stop(folder / "var")
