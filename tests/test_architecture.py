"""Rules of the repository: imports between folders, contents of the wheel, locked packages."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import hybrid_recs
from hybrid_recs import api
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from tests.architecture.graph import ImportGraph, cycles, levels
from tests.architecture.rules import BASE, EDGES, ONLY_IN, RULES, arrows_up
from tests.paths import ROOT

PACKAGE = ROOT / "hybrid_recs"
GRAPH = ImportGraph(PACKAGE)


def test_every_module_is_in_a_folder_with_a_rule() -> None:
    assert {module.top_folder for module in GRAPH.modules.values()} <= RULES.keys() | BASE | EDGES


def test_folders_import_only_what_their_rule_allows() -> None:
    assert arrows_up(GRAPH) == []


@pytest.mark.parametrize("folder", RULES)
def test_folders_import_no_package_that_their_rule_forbids(folder: str) -> None:
    modules = [module.name for module in GRAPH.modules.values() if module.top_folder == folder]
    forbidden = {name: GRAPH.outside(name) & RULES[folder].never for name in modules}
    assert {name: packages for name, packages in forbidden.items() if packages} == {}


@pytest.mark.parametrize(("folder", "imported"), ONLY_IN)
def test_imports_that_only_one_inner_folder_may_have(folder: str, imported: str) -> None:
    ours = {start for start, end in GRAPH.arrows() if GRAPH.modules[end].top_folder == imported}
    outside = {name for name in GRAPH.modules if imported in GRAPH.outside(name)}
    importing = {n for n in ours | outside if GRAPH.modules[n].top_folder == folder}
    inner = ONLY_IN[folder, imported]
    assert {GRAPH.modules[name].folder for name in importing} == {inner}


def test_no_cycles_between_modules_or_folders_at_any_level() -> None:
    assert cycles(GRAPH.arrows()) == []
    assert cycles(GRAPH.folder_arrows()) == []
    assert cycles(GRAPH.top_folder_arrows()) == []


def test_cycles_are_found() -> None:
    arrows = [("a", "b"), ("b", "c"), ("c", "b"), ("c", "d"), ("e", "e")]
    assert cycles(arrows) == [["b", "c"], ["e"]]
    assert cycles([("a", "b"), ("b", "c"), ("a", "c")]) == []


def test_levels_count_from_nodes_that_import_nothing() -> None:
    assert levels([("a", "b"), ("b", "c"), ("a", "c")]) == {"a": 2, "b": 1, "c": 0}


def test_lazy_imports_count() -> None:
    lazy = "offline.data.requests"
    assert ("commands.plan_cache", lazy) in set(GRAPH.arrows())


@pytest.mark.parametrize("folder", [name for name in RULES if (PACKAGE / name).is_dir()])
def test_every_folder_has_a_docstring(folder: str) -> None:
    for path in (PACKAGE / folder).rglob("__init__.py"):
        assert path.read_text().startswith('"""'), path


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = {"numpy", "polars", "faiss", "scipy", "redis", "fastapi", "pydantic", "hybrid_recs.api"}
    assert not _loaded_by("import hybrid_recs; hybrid_recs.__version__; dir(hybrid_recs)") & heavy


def test_the_python_api_is_loaded_on_first_use() -> None:
    assert sorted([*api.__all__, "__version__"]) == sorted(hybrid_recs.__all__) == dir(hybrid_recs)
    for name in api.__all__:
        assert getattr(hybrid_recs, name) is getattr(api, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        hybrid_recs.nothing  # noqa: B018


def test_serving_loads_neither_polars_nor_the_offline_side() -> None:
    loaded = _loaded_by("import hybrid_recs.online.app, hybrid_recs.cli")
    assert not {name for name in loaded if name.startswith(("polars", "hybrid_recs.offline", "scipy"))}


def test_the_offline_side_loads_no_web_framework() -> None:
    loaded = _loaded_by("import hybrid_recs.commands.rebuild_index, hybrid_recs.commands.consume_events")
    assert not {name for name in loaded if name.startswith(("fastapi", "uvicorn", "hybrid_recs.online"))}


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(ended.stdout.split())


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.toml")), ids=lambda path: path.stem)
def test_examples_are_descriptions(path: Path) -> None:
    assert DatasetConfig.load(path).interactions


def test_only_settings_reads_the_environment() -> None:
    readers = {
        path.name
        for path in PACKAGE.rglob("*.py")
        if re.search(r"os\.environ\.get|os\.getenv|os\.environ\[[^]]+\](?! =)", path.read_text())
    }
    assert not readers


def test_only_keys_names_redis_keys() -> None:
    others = [
        p.name for p in PACKAGE.rglob("*.py") if p.name != "keys.py" and "{self.prefix}:" in p.read_text()
    ]
    assert others == []


def test_jobs_only_start_a_command() -> None:
    for path in (ROOT / "jobs").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 8, path


def test_commands_hold_the_order_of_steps_and_nothing_else() -> None:
    for name in GRAPH.modules:
        if name.startswith("commands."):
            assert not GRAPH.outside(name) & {"numpy", "polars", "faiss", "scipy"}, name


def test_wheel_holds_the_package_only(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    folders = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert folders == {"hybrid_recs", f"hybrid_recs-{hybrid_recs.__version__}.dist-info"}


def test_locks_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = dict(project["optional-dependencies"])
    separate = {name: extras.pop(name) for name in ("benchmark", "browser", "docs")}
    requirements = project["dependencies"] + [line for extra in extras.values() for line in extra]
    assert _names(requirements) <= _locked("requirements.lock")
    for name, extra in separate.items():
        assert _names(project["dependencies"] + extra) <= _locked(f"requirements-{name}.lock")


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[>=;]", requirement)[0].strip().lower() for requirement in requirements}


def _locked(name: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text(), re.M))
