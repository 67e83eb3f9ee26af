"""Synthetic catalogues and the index folders that the real job builds from them.

They are kept until the code that builds them changes.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.synthetic import write_synthetic
from hybrid_recs.cache import embedded_server
from hybrid_recs.generation.manifest import SCHEMA_VERSION
from hybrid_recs.generation.store import GenerationStore

_ROOT = Path(__file__).parents[2]
# The code that determines the bytes of a generation.
_SOURCES = (
    "hybrid_recs/offline/**/*.py",
    "hybrid_recs/generation/*.py",
    "benchmarks/synthetic.py",
)
_ITEMS_PER_HOT_ITEM = 100
_PINNED = {
    "HYBRID_RECS_COVISIT_WEIGHT": "1",
    "HYBRID_RECS_STEPS": "3",
    "HYBRID_RECS_TILT": "0.05",
    "HYBRID_RECS_HALF_LIFE": "0.25",
    "HYBRID_RECS_TREND_HALF_LIFE": "0.01",
    **{f"HYBRID_RECS_{kind}_DECAY": "1" for kind in ("SESSION", "USER")},
    **{f"HYBRID_RECS_{kind}_WEIGHT": "1" for kind in ("SESSION", "USER")},
    **{f"HYBRID_RECS_{kind}_TREND": "0" for kind in ("SESSION", "USER")},
    "HYBRID_RECS_DIMENSIONS": "128",
}
# The second generation of an index folder differs from the first only in its responses.
_VARIANTS: tuple[dict[str, str], ...] = ({}, {"HYBRID_RECS_COVISIT_WEIGHT": "0.3"})


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """An index folder with at least one published generation of about `items` items."""

    folder: Path
    items: int

    @property
    def store(self) -> GenerationStore:
        return GenerationStore(self.folder)

    @property
    def current(self) -> Path:
        """The folder of the serving generation."""
        return self.store.path(self.store.require_current())

    def environment(self, redis_url: str, var_dir: Path, **others: object) -> dict[str, str]:
        """Environment variables of a service of this index; others: settings by their lower-case name."""
        settings = {"index_dir": self.folder, "redis_url": redis_url, "var_dir": var_dir, **others}
        return {f"HYBRID_RECS_{name.upper()}": str(value) for name, value in settings.items()}


def built_index(root: Path, items: int, generations: int, reuse: bool) -> BuiltIndex:
    """The index of a synthetic catalogue with this many generations, built unless it exists.

    reuse: use an existing one even if the code that builds it has changed since.
    """
    home = root / f"{items}-items"
    recipe = {
        "items": items,
        "settings": [_PINNED | _VARIANTS[i] for i in range(generations)],
        "source": source_digest(),
    }
    built, index = home / "built.json", BuiltIndex(home / "index", items)
    if built.is_file() and (reuse or json.loads(built.read_text()) == recipe):
        return index
    shutil.rmtree(home, ignore_errors=True)
    description = write_synthetic(home / "data", items)
    for variant in range(generations):
        _build(home, description, index, variant)
    built.write_text(json.dumps(recipe))
    return index


def source_digest() -> str:
    """Digest of the code that determines the contents of a generation."""
    digest = hashlib.sha256(str(SCHEMA_VERSION).encode())
    for pattern in _SOURCES:
        for path in sorted(_ROOT.glob(pattern)):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _build(home: Path, description: Path, index: BuiltIndex, variant: int) -> None:
    environment = {**os.environ, **_PINNED, **_VARIANTS[variant]}
    environment |= index.environment("", home / "var", hot_max_items=index.items // _ITEMS_PER_HOT_ITEM)
    command = [sys.executable, "-m", "jobs.rebuild_index", "--dataset", str(description)]
    try:
        subprocess.run(command, check=True, cwd=_ROOT, env=environment)
    finally:
        embedded_server.stop(home / "var")
