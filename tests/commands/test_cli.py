"""The hybrid-recs command: what it says, what it changes, and how it fails."""

from pathlib import Path

import click
import pytest
import redis
from click.testing import CliRunner, Result

import hybrid_recs
from hybrid_recs.cache import embedded_server
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cli import main
from hybrid_recs.generation.manifest import Manifest
from hybrid_recs.generation.store import GenerationStore
from tests.builders import publish_copy
from tests.services import runs

_NEWER = "20990101T000000000000Z"


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def _fails(*arguments: str) -> str:
    """The one-line error of a command that has to fail."""
    result = _run(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.fixture
def store(index_dir: Path, redis_url: str, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> GenerationStore:
    """A copy of the built index that the commands see."""
    monkeypatch.setenv("HYBRID_RECS_INDEX_DIR", str(index_dir))
    monkeypatch.setenv("HYBRID_RECS_REDIS_URL", redis_url)
    monkeypatch.setenv("HYBRID_RECS_KEY_PREFIX", keys.prefix)
    return GenerationStore(index_dir)


@pytest.fixture
def older(store: GenerationStore) -> str:
    """The id of the built generation, after a newer one was published."""
    built = store.require_current()
    publish_copy(store, _NEWER)
    return built


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYBRID_RECS_INDEX_DIR", str(tmp_path / "none"))


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    actual = [path]
    for name, command in group.commands.items():
        below = (*path, name)
        actual += _commands(command, below) if isinstance(command, click.Group) else [below]
    return actual


@pytest.mark.parametrize("path", _commands(main), ids=" ".join)
def test_help(path: tuple[str, ...]) -> None:
    result = _run(*path, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: ")
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    assert command.help
    assert command.help.split()[0] in result.stdout
    for name in getattr(command, "commands", {}):
        assert name in result.stdout
    for parameter in command.params:
        assert parameter.opts[0] in result.stdout or parameter.human_readable_name in result.stdout


def test_there_are_these_commands() -> None:
    assert {" ".join(path) for path in _commands(main)} == {
        "", "serve", "init-dataset", "check", "explain", "plan", "generations", "generations list",
        "generations verify", "generations rollback", "generations keep", "generations prune", "stop-redis",
    }  # fmt: skip


def test_version() -> None:
    assert hybrid_recs.__version__ in _run("--version").stdout


def test_list_shows_every_generation_with_its_state(store: GenerationStore, older: str) -> None:
    result = _run("generations", "list")
    assert result.exit_code == 0
    header, *lines = [line.split() for line in result.stdout.splitlines()]
    assert header == ["generation", "state", "dataset", "items", "hot", "recall@10", "MB"]
    manifest = Manifest.read(store.path(store.ids()[0]))
    name, hot = manifest.dataset.name, str(manifest.hot_items)
    assert [line[:6] for line in lines] == [
        [older, "published", name, "242", hot, "1.000"],
        [_NEWER, "current", name, "242", hot, "1.000"],
    ]


@pytest.mark.usefixtures("empty")
def test_an_empty_index_says_how_to_fill_it() -> None:
    result = _run("generations", "list")
    assert result.exit_code == 0
    assert result.stdout == "No generation yet; run: make rebuild-index DATASET=path/to/dataset.toml\n"
    assert "run: make rebuild-index DATASET=" in _fails("generations", "verify")
    assert "run: make rebuild-index DATASET=" in _fails("generations", "rollback")
    assert "no generation 'x'; there are: none" in _fails("generations", "verify", "x")
    assert _run("generations", "prune").stdout == "nothing to remove\n"


def test_keep(store: GenerationStore, older: str) -> None:
    assert _run("generations", "keep", older).stdout == f"{older} is kept until it is released\n"
    assert "published, kept" in _run("generations", "list").stdout
    assert _run("generations", "prune", "--keep", "0").stdout == "nothing to remove\n"
    assert store.ids() == [older, _NEWER]
    assert _run("generations", "keep", older, "--release").stdout == f"{older} may be removed again\n"
    assert _run("generations", "prune", "--keep", "0").stdout == f"removed {older}\n"
    assert "no generation 'x'" in _fails("generations", "keep", "x")


def test_verify(store: GenerationStore, older: str) -> None:
    assert _run("generations", "verify").stdout == f"{_NEWER}: every file matches its checksum\n"
    assert _run("generations", "verify", older).stdout == f"{older}: every file matches its checksum\n"
    path = store.path(older) / "vectors.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    assert "vectors.npy: differs from the manifest's checksum" in _fails("generations", "verify", older)
    assert _run("generations", "verify").exit_code == 0
    path.unlink()
    assert "vectors.npy: missing" in _fails("generations", "verify", older)
    assert f"no generation 'x'; there are: {older}, {_NEWER}" in _fails("generations", "verify", "x")


def test_rollback_serves_the_one_before_and_loads_its_lists(
    store: GenerationStore, older: str, client: redis.Redis, keys: Keys
) -> None:
    result = _run("generations", "rollback")
    assert result.exit_code == 0
    hot = Manifest.read(store.path(store.ids()[0])).hot_items
    assert result.stdout.startswith(f"{older} is in service again; Redis: {hot} lists, ")
    assert store.current() == older
    assert client.get(keys.ready(older)) == str(hot).encode()
    # And back again, by name: the lists of the one left behind are retired.
    result = _run("generations", "rollback", _NEWER)
    assert result.stdout.startswith(f"{_NEWER} is in service again")
    assert store.current() == _NEWER
    assert client.get(keys.ready(_NEWER)) == str(hot).encode()
    assert client.get(keys.ready(older)) is None
    assert [entry["event"] for entry in store.history()] == [
        *["publishing", "published"] * 2,
        *["publishing", "rolled back"] * 2,
    ]


def test_rollback_needs_something_to_go_back_to(store: GenerationStore) -> None:
    current = store.require_current()
    assert f"nothing was published before {current}" in _fails("generations", "rollback")
    assert f"no generation 'x'; there are: {current}" in _fails("generations", "rollback", "x")
    assert store.current() == current


def test_rollback_to_damaged_files_is_refused(store: GenerationStore, older: str) -> None:
    (store.path(older) / "index.faiss").write_bytes(b"")
    assert "index.faiss: differs" in _fails("generations", "rollback")
    assert store.current() == _NEWER


def test_rollback_works_without_redis(
    store: GenerationStore, older: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYBRID_RECS_REDIS_URL", f"unix://{tmp_path}/nobody.sock")
    result = _run("generations", "rollback")
    assert result.exit_code == 0
    assert f"{older} is in service again" in result.stdout
    assert "Redis: not loaded: Redis is unreachable: start it" in result.stdout
    assert store.current() == older


def test_rollback_waits_for_nobody(store: GenerationStore, older: str) -> None:
    with store.writer():
        for command in ("rollback", "prune"):
            assert "another rebuild or rollback is at work" in _fails("generations", command)
    assert store.current() == _NEWER
    assert store.ids() == [older, _NEWER]


def test_prune(store: GenerationStore, older: str) -> None:
    assert _run("generations", "prune").stdout == "nothing to remove\n"
    assert _run("generations", "prune", "--keep", "1").stdout == "nothing to remove\n"
    assert _run("generations", "prune", "--keep", "0").stdout == f"removed {older}\n"
    assert store.ids() == [_NEWER]
    assert _run("generations", "verify").exit_code == 0


def test_a_bad_setting_is_named(store: GenerationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYBRID_RECS_REDIS_URL", "http://localhost")
    for command in (("generations", "list"), ("generations", "rollback"), ("stop-redis",), ("serve",)):
        message = _fails(*command)
        assert "redis_url" in message
        assert "must start with one of redis://, rediss://, unix://" in message
    assert store.current() is not None


def test_stop_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYBRID_RECS_VAR_DIR", str(tmp_path))
    assert _run("stop-redis").stdout == "no embedded redis-server is running\n"
    url = embedded_server.ensure_running(tmp_path)
    try:
        assert _run("stop-redis").stdout == "the embedded redis-server has stopped\n"
        assert not runs(url)
    finally:
        embedded_server.stop(tmp_path)
