"""Queries over the tables of a description: what they see, and what they are refused."""

from pathlib import Path

import pytest

from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.sources.dataset_config import DatasetConfig, fingerprint
from tests.offline.builders import read, write

LOG = "person,product,price\nu,a,3\nv,b,12\n"
TOML = """
[tables.log]
path = "log.csv"

[interactions]
query = \"\"\"{query}\"\"\"
user = "user"
item = "item"
"""


def _read(folder: Path, query: str) -> list[tuple[str, str]]:
    (folder / "other.csv").write_text("person,product\nx,y\n")
    dataset = read(folder, {"log.csv": LOG}, TOML.format(query=query.replace("\\", "\\\\")))
    return sorted(dataset.pairs.select("user", "item").rows())


@pytest.mark.parametrize(
    "query",
    [
        "SELECT person AS user, product AS item FROM log",
        "WITH x AS (SELECT * FROM log) SELECT person AS user, product AS item FROM x -- FROM read_csv('a')",
        "select a.person as user, b.product as item from log a join log b on a.person = b.person",
        "SELECT person AS user, product AS item FROM log WHERE product <> 'read_csv(x)'",
        "SELECT person AS user, product AS item FROM (SELECT * FROM log) AS inner_",
        "SELECT LOWER(person) AS user, UPPER(product) AS item FROM log WHERE UPPER(product) = 'x' OR TRUE",
        "SELECT person AS user, TRIM(BOTH 'x' FROM LOWER(product)) AS item FROM log",
        "SELECT person AS user, product AS item FROM log "
        "WHERE EXTRACT(YEAR FROM CAST('2024-01-05' AS DATE)) = 2024",
        "SELECT person IS DISTINCT FROM LOWER(product) AS x, LOWER(person) AS user, product AS item FROM log",
    ],
)
def test_a_query_sees_the_tables(query: str, tmp_path: Path) -> None:
    rows = _read(tmp_path, query)
    assert [(user, item.lower()) for user, item in rows] == [("u", "a"), ("v", "b")]


@pytest.mark.parametrize(
    ("function", "file"),
    [
        (name, file)
        for name in (
            "read_csv",
            "READ_CSV",
            "read_parquet",
            "read_json",
            "read_ndjson",
            "read_ipc",
            '"read_csv"',
        )
        for file in ("other.csv", "/etc/passwd")
    ],
)
@pytest.mark.parametrize(
    "around",
    [
        "SELECT person AS user, product AS item FROM {}",
        "SELECT a.person AS user, product AS item FROM log AS a JOIN {} AS b ON a.person = b.person",
        "SELECT person AS user, (SELECT person FROM {} LIMIT 1) AS item FROM log",
        "WITH x AS (SELECT * FROM/**/{}) SELECT person AS user, product AS item FROM x",
        "SELECT a.person AS user, a.product AS item FROM log AS a, {} AS b",
    ],
)
def test_functions_that_read_files_are_refused(function: str, file: str, around: str, tmp_path: Path) -> None:
    query = around.format(f"{function} ('{tmp_path / file}')")
    with pytest.raises(DatasetError, match=r"query: read_\w+\(…\) is refused: .* describe the file as"):
        _read(tmp_path, query)


@pytest.mark.parametrize(
    "hidden",
    [
        "/* /* */ ' */ FROM {} -- '",
        "FROM /*! {} */",
        ", $$'$$ AS x FROM {} -- '",
        ", $a$'$a$ AS x FROM {} -- '",
        ", 'a' LIKE 'a' ESCAPE E'\\'' AS x FROM {} -- '",
        "#' FROM {} -- '",
    ],
)
def test_functions_that_read_files_do_not_hide(hidden: str, tmp_path: Path) -> None:
    """Each of these reads the file if it is run: Polars parts the words in another way than it seems."""
    query = "SELECT person AS user, product AS item " + hidden.format(f"read_csv('{tmp_path}/other.csv')")
    with pytest.raises(DatasetError, match=r"query: .* is refused: write texts as '…' with a blank in front"):
        _read(tmp_path, query)


@pytest.mark.parametrize("inner", ["SELECT product FROM read_csv('{}')", "read_csv ('{}')"])
def test_a_condition_reads_no_files(inner: str, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("person,product\nx,a\n")
    toml = TOML.format(query="SELECT person AS user, product AS item FROM log")
    where = f'where = "item IN ({inner.format(tmp_path / "other.csv")})"\n'
    with pytest.raises(DatasetError, match="where: a condition reads the columns of its own row only"):
        read(tmp_path, {"log.csv": LOG}, toml + where)


@pytest.mark.parametrize(
    "query", ["DROP TABLE log", "SHOW TABLES", "DELETE FROM log", "TRUNCATE TABLE log", "", "-- x"]
)
def test_only_a_select_is_run(query: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"only one SELECT is run|give path or query"):
        _read(tmp_path, query)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "SELECT nobody FROM log",
            r"cannot be run \(.*nobody.*\); the tables and columns are log \(person",
        ),
        ("SELECT person FROM strangers", r"'strangers' was not found.*log \(person, product, price\)"),
        ("SELECT person AS user FROM log", "query: no column 'item'; it has user"),
        ("SELECT person FROM log; SELECT 1", "query: cannot be run"),
    ],
)
def test_a_query_that_fails_says_what_there_is(query: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        _read(tmp_path, query)


def test_the_own_files_of_a_table_are_raw(tmp_path: Path) -> None:
    toml = """
[interactions]
path = "log.csv"
query = "SELECT person AS user, product AS item FROM raw WHERE CAST(price AS DOUBLE) > 5"
user = "user"
item = "item"
"""
    assert read(tmp_path, {"log.csv": LOG}, toml).pairs.select("user", "item").rows() == [("v", "b")]


def test_no_other_table_is_called_raw(tmp_path: Path) -> None:
    toml = '[tables.raw]\npath = "log.csv"\n[interactions]\nuser = "user"\nitem = "item"\n'
    files = '\npath = "log.csv"\nquery = "SELECT person AS user, product AS item FROM raw"\n'
    path = write(tmp_path, {"log.csv": LOG}, toml + files)
    with pytest.raises(DatasetError, match=r"raw is what a query calls the files of its own path"):
        DatasetConfig.load(path)
    assert read(tmp_path, {}, toml + files.replace('path = "log.csv"', "")).stats.rows_kept == 2


def test_a_table_needs_a_source(tmp_path: Path) -> None:
    path = write(tmp_path, {}, '[interactions]\nuser = "a"\nitem = "b"\n')
    with pytest.raises(DatasetError, match=r"interactions: .*give path or query"):
        DatasetConfig.load(path)


def test_the_fingerprint_covers_what_a_query_reads(tmp_path: Path) -> None:
    path = write(
        tmp_path, {"log.csv": LOG}, TOML.format(query="SELECT person AS user, product AS item FROM log")
    )
    before = fingerprint(DatasetConfig.load(path))
    (tmp_path / "log.csv").write_text(LOG + "w,c,1\n")
    assert fingerprint(DatasetConfig.load(path)) != before
