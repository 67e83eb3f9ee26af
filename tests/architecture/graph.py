"""The import graph of a package, including lazy imports (inside functions) and imports for types only."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

Arrow = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its dotted name below the package, and every dotted name that it imports."""

    name: str
    imports: frozenset[str]

    @property
    def folder(self) -> str:
        """Path of the folder; the module itself if it is at the root of the package."""
        return self.name.rpartition(".")[0].replace(".", "/") or self.name

    @property
    def top_folder(self) -> str:
        """First part of the name: a folder or a module at the root of the package."""
        return self.name.partition(".")[0]


class ImportGraph:
    """All modules of the package in `folder`, by name."""

    def __init__(self, folder: Path) -> None:
        self.package = folder.name
        self.modules = {module.name: module for module in _modules(folder)}

    def arrows(self) -> Iterator[Arrow]:
        """(importing module, imported module), both in this package."""
        prefix = f"{self.package}."
        for module in self.modules.values():
            ours = {name.removeprefix(prefix) for name in module.imports if name.startswith(prefix)}
            for name in ours & self.modules.keys() - {module.name}:
                yield module.name, name

    def outside(self, module: str) -> set[str]:
        """Top-level names of the other packages that a module imports directly."""
        return {name.partition(".")[0] for name in self.modules[module].imports} - {self.package}

    def folder_arrows(self) -> set[Arrow]:
        """The arrows between leaf folders and modules at the root of the package."""
        pairs = {(self.modules[a].folder, self.modules[b].folder) for a, b in self.arrows()}
        return {(a, b) for a, b in pairs if a != b}

    def top_folder_arrows(self) -> set[Arrow]:
        """The arrows between the folders and modules at the root of the package."""
        pairs = {(self.modules[a].top_folder, self.modules[b].top_folder) for a, b in self.arrows()}
        return {(a, b) for a, b in pairs if a != b}


def cycles(arrows: Iterable[Arrow]) -> list[list[str]]:
    """Groups of nodes that reach each other (strongly connected components), each sorted."""
    targets: dict[str, set[str]] = {}
    for start, end in arrows:
        targets.setdefault(start, set()).add(end)
        targets.setdefault(end, set())
    reached = {node: _reached(node, targets) for node in targets}
    groups = {
        frozenset(other for other in reached[node] if node in reached[other])
        for node in targets
        if node in reached[node]
    }
    return sorted(sorted(group) for group in groups)


def levels(arrows: Iterable[Arrow]) -> dict[str, int]:
    """Height of each node above the nodes that import nothing; there must be no cycles."""
    targets: dict[str, set[str]] = {}
    for start, end in arrows:
        targets.setdefault(start, set()).add(end)
        targets.setdefault(end, set())
    heights: dict[str, int] = {}

    def height(node: str) -> int:
        if node not in heights:
            heights[node] = 1 + max(map(height, targets[node]), default=-1)
        return heights[node]

    for node in targets:
        height(node)
    return heights


def _reached(start: str, targets: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for node in targets[waiting.pop()] - seen:
            seen.add(node)
            waiting.append(node)
    return seen


def _modules(folder: Path) -> Iterator[Module]:
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        name = ".".join(parts) if parts[-1] != "__init__" else ".".join((*parts[:-1], "__init__"))
        yield Module(name, frozenset(_imports(ast.parse(path.read_text()))))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
