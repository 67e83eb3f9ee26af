"""Where the repository's own files are."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
REAL_DATA = ROOT.parent / "shared" / "data"
