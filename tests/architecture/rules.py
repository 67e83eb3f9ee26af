"""The table of import rules: what each folder may import from the package, and from other packages."""

from dataclasses import dataclass

from tests.architecture.graph import Arrow, ImportGraph

BASE = frozenset({"errors", "settings", "types", "logs", "health"})
"""Modules at the root that everything may import, and that import only each other from the package."""

EDGES = frozenset({"__init__", "api", "cli", "wiring", "commands", "demo"})
"""Entry points and composition: may import anything, and no inner folder imports them."""

WEB = frozenset({"fastapi", "starlette", "uvicorn"})


@dataclass(frozen=True, slots=True)
class Rule:
    """folders: may be imported, as well as the base modules. never: packages that must not be imported."""

    folders: frozenset[str]
    never: frozenset[str]


def _rule(folders: str, never: frozenset[str]) -> Rule:
    return Rule(frozenset(folders.split()), never)


RULES = {
    "generation": _rule("", WEB | {"redis", "polars", "sqlite3", "click", "rich"}),
    "items": _rule("generation", WEB | {"redis", "polars", "click", "rich"}),
    "ranking": _rule("generation items", WEB | {"redis", "polars", "sqlite3", "asyncio", "click", "rich"}),
    "cache": _rule("generation", WEB | {"polars", "faiss", "click", "rich"}),
    "telemetry": _rule("generation cache", WEB | {"polars", "faiss", "click", "rich"}),
    "events": _rule("generation items ranking cache", WEB | {"polars", "faiss", "click", "rich"}),
    "consumer": _rule("generation items ranking cache events", WEB | {"faiss", "click", "rich"}),
    "online": _rule(
        "generation items ranking cache telemetry events",
        frozenset({"polars", "scipy", "faiss", "click", "rich"}),
    ),
    "offline": _rule("generation items ranking cache", WEB | {"click"}),
    "reports": _rule("generation items ranking cache telemetry events", WEB | {"faiss", "click"}),
}

EXCEPTIONS = {
    ("online.app", "wiring"): "the objects of a worker are composed here",
    ("offline.check.html", "reports.svg"): "all pages have one look",
}
"""Arrows that the table does not allow, and the reason for each."""

ONLY_IN = {
    ("offline", "cache"): "offline/users",
    ("reports", "polars"): "reports/predictions",
}
"""(folder, imported): the only inner folder that may import it."""


def arrows_up(graph: ImportGraph) -> list[Arrow]:
    """The arrows between modules that the table does not allow."""
    return sorted(
        (start, end)
        for start, end in graph.arrows()
        if not _is_allowed(graph.modules[start].top_folder, graph.modules[end].top_folder)
        and (start, end) not in EXCEPTIONS
    )


def _is_allowed(start: str, end: str) -> bool:
    if start == end or start in EDGES:
        return True
    if start in BASE:
        return end in BASE
    return start in RULES and (end in BASE or end in RULES[start].folders)
