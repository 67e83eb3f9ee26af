"""hybrid-recs check and init-dataset, and rebuilds that are tried only, as processes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hybrid_recs.commands import rebuild_index
from hybrid_recs.errors import DatasetError
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.settings import Settings
from tests.conftest import quiet_steps

LOG = "user,item,time\n" + "".join(f"ann{n % 9},i{n % 7},{1_700_000_000 + n}\n" for n in range(300))


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hybrid_recs.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_from_a_file_to_a_checked_description(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG)
    description = tmp_path / "dataset.toml"
    drafted = _run("init-dataset", str(tmp_path / "log.csv"), "--out", str(description))
    assert (drafted.returncode, drafted.stdout) == (0, "")
    assert f"Next: hybrid-recs check --dataset {description}" in drafted.stderr.replace("\n", "")
    again = _run("init-dataset", str(tmp_path / "log.csv"), "--out", str(description))
    assert again.returncode == 1
    assert "exists; name another file" in again.stderr
    checked = _run("check", "--dataset", str(description), "--format", "json")
    assert checked.returncode == 0
    assert json.loads(checked.stdout)["rows_kept"] == 300
    page = tmp_path / "page.html"
    assert (
        _run("check", "--dataset", str(description), "--format", "html", "--out", str(page)).returncode == 0
    )
    assert page.read_text().startswith("<!doctype html>")
    shown = _run("check", "--dataset", str(description)).stdout
    assert "300 read, 300 kept" in shown
    assert "ann1" not in shown


def test_a_check_of_what_cannot_be_right_fails(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG.replace("17000", ""))
    (tmp_path / "dataset.toml").write_text(
        '[interactions]\npath = "log.csv"\nuser = "user"\nitem = "item"\ntime = "time"\n'
    )
    checked = _run("check", "--dataset", str(tmp_path / "dataset.toml"))
    assert checked.returncode == 1
    assert "all times lie in January 1970" in checked.stdout


def test_a_rebuild_stops_on_what_cannot_be_right_unless_forced(tmp_path: Path, redis_url: str) -> None:
    (tmp_path / "log.csv").write_text(LOG.replace("17000", ""))
    description = tmp_path / "dataset.toml"
    description.write_text('[interactions]\npath = "log.csv"\nuser = "user"\nitem = "item"\ntime = "time"\n')
    settings = Settings(index_dir=tmp_path / "index", redis_url=redis_url, key_prefix="wrong")
    with pytest.raises(DatasetError, match=r"January 1970.*set time_format.*--force"):
        rebuild_index.rebuild(description, None, settings, quiet_steps())
    assert GenerationStore(settings.index_dir).current() is None
    assert rebuild_index.rebuild(description, None, settings, quiet_steps(), force=True).manifest.forced


def test_a_dry_run_leaves_nothing_behind(planted: Path, redis_url: str, tmp_path: Path) -> None:
    shop = Path(shutil.copytree(planted.parent, tmp_path / "shop")) / planted.name
    settings = Settings(index_dir=tmp_path / "index", redis_url=redis_url, key_prefix="dry", hot_share=1.0)
    store = GenerationStore(settings.index_dir)
    rebuild_index.try_rebuild(shop, None, settings, quiet_steps())
    assert (store.current(), store.ids()) == (None, [])

    first = rebuild_index.rebuild(shop, None, settings, quiet_steps())
    history = store.history()
    log = shop.parent / "interactions.csv"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:1_500]))
    path = 'path = "interactions.csv"'
    shop.write_text(shop.read_text().replace(path, f"{path}\nwhere = \"item <> 'x'\""))
    refused, forced = _dry_run(shop, settings), _dry_run(shop, settings, "--force")
    assert (refused.exit_code, forced.exit_code) == (1, 0)
    for run in (refused, forced):
        assert {"rows 1,499 5,760 ≥ 2,880 refused", "parity@10 1 – ≥ 0.95"} <= set(_lines(run))
    rows = "rows is 1,499, 5,760 in the serving generation, bound 2,880 (HYBRID_RECS_GATE_MAX_FALL=0.5)"
    changed = "keys of the dataset.toml changed since: interactions.where"
    assert rows in _lines(refused)[-1]
    assert _lines(refused)[-1].endswith(changed)
    assert any(line.startswith(f"forced {rows}") for line in _lines(forced))
    assert f"forced {changed}" in _lines(forced)
    assert _lines(forced)[-1].startswith("A dry run: the build would be published (forced); ")

    log.write_text("user,item,time\n")
    assert _dry_run(shop, settings).exit_code == 1
    assert list((settings.index_dir / "staging").iterdir()) == []
    assert (store.current(), store.ids(), store.history()) == (first.id, [first.id], history)


def _dry_run(description: Path, settings: Settings, *options: str) -> Result:
    # No Redis: a dry run needs none.
    environment = {"HYBRID_RECS_REDIS_URL": "redis://127.0.0.1:1/0", "HYBRID_RECS_HOT_SHARE": "1.0"}
    environment["HYBRID_RECS_INDEX_DIR"] = str(settings.index_dir)
    arguments = ["--dataset", str(description), "--dry-run", *options]
    return CliRunner().invoke(rebuild_index.main, arguments, env=environment)


def _lines(run: Result) -> list[str]:
    return [" ".join(line.split()) for line in run.output.splitlines()]
