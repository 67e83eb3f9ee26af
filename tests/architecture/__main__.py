"""Print the folder graph of this checkout or of another one: python -m tests.architecture [CHECKOUT]."""

import sys
from collections.abc import Iterable
from pathlib import Path

from tests.architecture.graph import Arrow, ImportGraph, cycles, levels
from tests.architecture.rules import arrows_up
from tests.paths import ROOT


def _print(title: str, arrows: Iterable[Arrow], nodes: int) -> None:
    arrows = sorted(arrows)
    groups = cycles(arrows)
    height = "" if groups else f" on {max(levels(arrows).values()) + 1} levels"
    print(f"{title}: {nodes} nodes{height}, {len(arrows)} arrows, {len(groups)} cycles")
    for group in groups:
        print(f"  cycle: {' <-> '.join(group)}")


def main(checkout: Path) -> None:
    graph = ImportGraph(checkout / "hybrid_recs")
    modules = graph.modules.values()
    print(f"{len(modules)} modules, {sum('.' not in module.name for module in modules)} at the root")
    _print("folders and modules at the root", graph.top_folder_arrows(), len({m.top_folder for m in modules}))
    _print("leaf folders", graph.folder_arrows(), len({m.folder for m in modules}))
    up = arrows_up(graph)
    print(f"arrows that the rules do not allow: {len(up)}")
    for start, end in up[:20]:
        print(f"  {start} -> {end}")
    print()
    for folder in sorted({m.top_folder for m in modules}):
        imported = sorted(end for start, end in graph.top_folder_arrows() if start == folder)
        print(f"{folder}: {', '.join(imported) or '-'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
