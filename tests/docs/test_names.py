"""What the documents name exists: make targets, commands, modules, settings, paths, keys of dataset.toml."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from hybrid_recs.cli import main
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.settings import Settings
from tests.docs.pages import DOCS, DOCUMENTS, code, name_of, rows
from tests.paths import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.M))
# Below these, every path that is named is in version control.
FOLDERS = ("hybrid_recs/", "jobs/", "benchmarks/", "tests/", "docs/", "examples/")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)


@each_document
def test_make_targets_and_their_variables_exist(document: Path) -> None:
    for text in code(document):
        for target, variables in re.findall(r"\bmake ([a-z][a-z-]*)((?: [A-Z_]+=\S*)*)", text):
            assert target in TARGETS, text
            for variable in re.findall(r"([A-Z_]+)=", variables):
                assert f"$({variable})" in MAKEFILE, text


@each_document
def test_commands_and_their_options_exist(document: Path) -> None:
    for text in code(document):
        for words in re.findall(r"\bhybrid-recs ([^|;]*)", text):
            command, rest = _find_command(words.split())
            assert command is not main or not rest or rest[0] == "…", text
            _assert_options(command, rest, text)


@each_document
def test_modules_and_their_options_exist(document: Path) -> None:
    for text in code(document):
        for module, rest in re.findall(r"python -m ([a-z_]+(?:\.[a-z_]+)*)(?!\.)\b([^|;]*)", text):
            if module == "pytest":
                _assert_tests_exist(rest.split(), text)
                continue
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), text
            if module.startswith("jobs."):
                _assert_options(importlib.import_module(module).main, rest.split(), text)
            else:
                _assert_in_source(path, rest.split(), text)


@each_document
def test_settings_exist(document: Path) -> None:
    names = set(re.findall(r"HYBRID_RECS_[A-Z_]*[A-Z]\b", document.read_text()))
    assert names <= {f"HYBRID_RECS_{name.upper()}" for name in Settings.model_fields}


@each_document
def test_paths_exist(document: Path) -> None:
    named = [text for text in code(document) if text.startswith(FOLDERS) and " " not in text]
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_command_is_listed() -> None:
    listed = " ".join(code(DOCS / "reference" / "commands.md"))
    assert [target for target in sorted(TARGETS - {"help"}) if f"make {target}" not in listed] == []
    names = [f"hybrid-recs {' '.join(words)}" for words in _commands(main, ())]
    assert [name for name in names if name not in listed] == []
    jobs = [path.stem for path in (ROOT / "jobs").glob("[!_]*.py")]
    missing = [job for job in jobs if f"python -m jobs.{job}" not in listed]
    assert missing == ["plan_cache"], "which is hybrid-recs plan"


def test_every_key_of_a_dataset_is_listed() -> None:
    listed = {name for cells in rows(DOCS / "reference" / "dataset.md") for name in _code_in(cells[0])}
    schema = DatasetConfig.model_json_schema()
    tables = [
        model["properties"].keys() for model in schema["$defs"].values() if "path" in model["properties"]
    ]
    assert len(tables) == 3
    of_dataset = schema["properties"].keys() - {"folder", "interactions", "items"}
    assert of_dataset.union(*tables) == listed


def test_every_redis_key_is_listed() -> None:
    keys = re.findall(r"\{self\.prefix\}(:[a-z-]+)", (ROOT / "hybrid_recs" / "cache" / "keys.py").read_text())
    listed = {
        match[1]
        for cells in rows(DOCS / "reference" / "storage.md")
        for match in re.finditer(r"`hr(:[a-z-]+)", cells[0])
    }
    assert listed == set(keys)


def _code_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _commands(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The words of every command that is not a group."""
    if not isinstance(command, click.Group):
        yield words
        return
    for name, child in command.commands.items():
        yield from _commands(child, (*words, name))


def _find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words call, and its arguments."""
    command: click.Command = main
    while words and isinstance(command, click.Group) and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    return command, words


def _assert_options(command: click.Command, words: list[str], text: str) -> None:
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word for word in words if word.startswith("--")} <= known, text


def _assert_tests_exist(arguments: list[str], text: str) -> None:
    """Files and folders of tests, and those named behind `::`."""
    for named in (argument for argument in arguments if argument.startswith("tests/")):
        path, _, test = named.partition("::")
        assert (ROOT / path).exists(), text
        function = test.partition("[")[0]
        assert not test or f"def {function}(" in (ROOT / path).read_text(), text


def _assert_in_source(path: Path, words: list[str], text: str) -> None:
    source = path.with_suffix(".py").read_text() if path.with_suffix(".py").is_file() else ""
    for option in [word for word in words if word.startswith("--")]:
        assert f'"{option}"' in source or option.lstrip("-").replace("-", "_") in source, text
