"""Rules that rot unless they are held: layers, cycles, what the wheel holds, documents that must agree."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import hybrid_recs
from hybrid_recs.offline.data.dataset_config import Description
from hybrid_recs.settings import Settings
from tests.paths import ROOT

PACKAGE = ROOT / "hybrid_recs"


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


GRAPH = {_name(path): _imports(path) for path in PACKAGE.rglob("*.py")}


def _reached_from(start: str) -> set[str]:
    """Everything that importing `start` brings in, our own modules followed."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in GRAPH.get(waiting.pop(), set()) - seen:
            seen.add(name)
            waiting.append(name)
    return seen


@pytest.mark.parametrize("module", [name for name in GRAPH if ".online" in name] + ["hybrid_recs.wiring"])
def test_online_side_never_reaches_polars_or_the_offline_side(module: str) -> None:
    reached = {name.split(".")[0] for name in _reached_from(module)}
    assert "polars" not in reached
    assert not {name for name in _reached_from(module) if name.startswith("hybrid_recs.offline")}


@pytest.mark.parametrize("module", [name for name in GRAPH if ".offline" in name])
def test_offline_side_never_reaches_fastapi_or_the_online_side(module: str) -> None:
    reached = _reached_from(module)
    assert not {"fastapi", "uvicorn", "starlette"} & {name.split(".")[0] for name in reached}
    assert not {name for name in reached if name.startswith("hybrid_recs.online")}


@pytest.mark.parametrize("module", [name for name in GRAPH if ".consumer" in name])
def test_consumer_reaches_neither_the_framework_nor_the_other_sides(module: str) -> None:
    reached = _reached_from(module)
    assert not {"fastapi", "uvicorn", "starlette"} & {name.split(".")[0] for name in reached}
    assert not {n for n in reached if n.startswith(("hybrid_recs.online", "hybrid_recs.offline"))}


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.toml")), ids=lambda path: path.stem)
def test_examples_are_descriptions(path: Path) -> None:
    assert Description.load(path).interactions


def test_serving_does_not_load_polars() -> None:
    code = "import sys, hybrid_recs.online.app, hybrid_recs.cli; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_import_cycles() -> None:
    for module in GRAPH:
        assert module not in _reached_from(module), f"{module} imports itself by way of others"


def test_only_settings_reads_the_environment() -> None:
    readers = {
        path.name
        for path in PACKAGE.rglob("*.py")
        if re.search(r"os\.environ\.get|os\.getenv|os\.environ\[[^]]+\](?! =)", path.read_text())
    }
    assert not readers


def test_only_keys_names_redis_keys() -> None:
    other = [
        p.name for p in PACKAGE.rglob("*.py") if p.name != "keys.py" and "{self.prefix}:" in p.read_text()
    ]
    assert other == []


def test_jobs_hold_the_order_of_steps_and_nothing_else() -> None:
    for path in (ROOT / "jobs").glob("*.py"):
        assert not {"numpy", "polars", "faiss", "scipy"} & {name.split(".")[0] for name in _imports(path)}
        assert len(path.read_text().splitlines()) <= 150, path


def test_modules_have_one_job_worth_of_lines() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 300, path


def test_wheel_holds_the_package_only(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    folders = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert folders == {"hybrid_recs", f"hybrid_recs-{hybrid_recs.__version__}.dist-info"}


def _settings_in(name: str) -> dict[str, str]:
    return dict(re.findall(r"^\| `HYBRID_RECS_(\w+)` \| (.*?) \|", (ROOT / name).read_text(), re.M))


def test_documents_list_every_setting_with_its_default() -> None:
    expected = {
        name.upper(): "unset" if field.default is None else f"`{field.default}`"
        for name, field in Settings.model_fields.items()
    }
    assert _settings_in("docs/settings.md") == expected
    assert _settings_in("README.md").items() < expected.items()


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 200


def test_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert next(v for v in versions if v != "Unreleased") == hybrid_recs.__version__


def test_locks_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = dict(project["optional-dependencies"])
    apart = {name: extras.pop(name) for name in ("benchmark", "browser")}
    wanted = project["dependencies"] + [requirement for extra in extras.values() for requirement in extra]
    assert _names(wanted) <= _locked("requirements.lock")
    for name, wanted_too in apart.items():
        assert _names(project["dependencies"] + wanted_too) <= _locked(f"requirements-{name}.lock")


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[>=;]", requirement)[0].strip().lower() for requirement in requirements}


def _locked(name: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text(), re.M))
