"""Errors of a real server, by both of our clients, become a sentence with the remedy."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from hybrid_recs.cache.client import UNREACHABLE, connect, connect_async
from hybrid_recs.cache.pipelined_connection import open_connection
from hybrid_recs.cache.redis_problems import describe, describe_probe
from hybrid_recs.health import Problem, State
from tests.services import OwnRedis

SCRIPT = "return redis.call('SET', KEYS[1], 'x')"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    """A server whose user `few` may only read keys that begin with `own`."""
    running = OwnRedis(tmp_path_factory.mktemp("own"))
    with connect(running.url) as client:
        client.execute_command("ACL", "SETUSER", "few", "on", ">secret", "~own*", "+@read", "+ping")
        client.rpush("own-list", "x")
    yield running
    running.close()


def _as(server: OwnRedis, login: str) -> str:
    return server.url.replace("unix://", f"unix://{login}@")


def _problems(url: str, *command: str | int) -> list[Problem]:
    """Of redis-py's two clients, and of the connection that lists are read by."""
    with connect(url) as client, pytest.raises(UNREACHABLE) as first:
        client.execute_command(*command)

    async def execute() -> None:
        connection = await open_connection(url, 1.0)
        try:
            await connection.execute(*command)
        finally:
            connection.close()

    async def execute_by_redis_py() -> None:
        async with connect_async(url, 1.0) as client:
            await client.execute_command(*command)  # type: ignore[no-untyped-call]

    with pytest.raises(UNREACHABLE) as second:
        asyncio.run(execute())
    with pytest.raises(UNREACHABLE) as third:
        asyncio.run(execute_by_redis_py())
    return [describe(raised.value) for raised in (first, second, third)]


def test_wrong_password(server: OwnRedis) -> None:
    for problem in _problems(_as(server, "few:wrong"), "PING"):
        assert problem.text == "Redis refuses the user or the password: correct them in HYBRID_RECS_REDIS_URL"
        assert problem.state is State.DOWN


def test_no_password(server: OwnRedis) -> None:
    with connect(server.url) as client:
        client.config_set("requirepass", "secret")
        try:
            problems = _problems(server.url, "GET", "own")
        finally:
            client.config_set("requirepass", "")
    for problem in problems:
        assert problem.text.startswith("Redis requires a password: set HYBRID_RECS_REDIS_URL to redis://")
        assert problem.state is State.DOWN


def test_missing_permission_is_named(server: OwnRedis) -> None:
    for problem in _problems(_as(server, "few:secret"), "SET", "own", "x"):
        assert problem == Problem("the user of Redis may not run SET: grant it with ACL SETUSER")
    for problem in _problems(_as(server, "few:secret"), "GET", "another"):
        assert problem == Problem(
            "the user of Redis may not use the keys or channels of HYBRID_RECS_KEY_PREFIX: grant it with ACL "
            "SETUSER"
        )


@pytest.mark.parametrize("command", [("SET", "own", "x"), ("EVAL", SCRIPT, 1, "own")])
def test_full(server: OwnRedis, command: tuple[str | int, ...]) -> None:
    with connect(server.url) as client:
        client.config_set("maxmemory", 1)
        try:
            problems = _problems(server.url, *command)
        finally:
            client.config_set("maxmemory", 0)
    assert problems == [Problem("Redis is full and refuses writes: raise its maxmemory")] * 3


def test_replica(server: OwnRedis) -> None:
    with connect(server.url) as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        try:
            problems = _problems(server.url, "SET", "own", "x")
        finally:
            client.execute_command("REPLICAOF", "NO", "ONE")
    assert {problem.text for problem in problems} == {
        "this Redis is a replica and refuses writes: set HYBRID_RECS_REDIS_URL to its primary"
    }


def test_another_type(server: OwnRedis) -> None:
    for problem in _problems(server.url, "GET", "own-list"):
        assert problem.text.startswith("a key of Redis holds another type of value")


def test_nobody_there(tmp_path: Path) -> None:
    problem = Problem(
        "Redis is unreachable: start it, or correct HYBRID_RECS_REDIS_URL", State.DOWN, passes=True
    )
    assert _problems(f"unix://{tmp_path / 'none'}", "PING") == [problem] * 3
    assert _problems("redis://127.0.0.1:1/0", "PING") == [problem] * 3


def test_an_unknown_host_is_named() -> None:
    with connect("redis://host.invalid:6379/0") as client, pytest.raises(UNREACHABLE) as raised:
        client.ping()
    assert "host.invalid" in describe(raised.value).text


def test_an_error_in_a_pipeline_does_not_quote_the_command(server: OwnRedis) -> None:
    with connect(_as(server, "few:secret")) as client:
        pipeline = client.pipeline(transaction=False)
        pipeline.set("own", b"\x00\xff" * 500)
        with pytest.raises(redis.RedisError) as raised:
            pipeline.execute()
    assert describe(raised.value).text == "the user of Redis may not run SET: grant it with ACL SETUSER"
    assert str(raised.value).startswith("Command # 1 (SET own")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("MOVED 1 127.0.0.1:7001", "is a cluster"),
        ("CLUSTERDOWN Hash slot not served", "is a cluster"),
        ("LOADING Redis is loading the dataset in memory", "is loading its data"),
        ("MISCONF Redis is configured to save RDB snapshots", "cannot save its data"),
        ("ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -OOM command", "is full"),
        ("ERR max number of clients reached", "maxclients"),
        ("ERR unknown command 'UNLINK'", "version 6.2"),
        ("ERR something else", "refuses a command (ERR something else)"),
    ],
)
def test_replies_that_are_hard_to_provoke(text: str, words: str) -> None:
    assert words in describe(redis.ResponseError(text)).text


def test_errors_that_are_no_replies() -> None:
    assert "not Redis (HTTP/1.1" in describe(redis.InvalidResponse("HTTP/1.1 400")).text
    assert describe(ValueError("odd")).text == "Redis could not be used (ValueError: odd)"


def test_a_slow_server_is_degraded_and_down_when_it_does_not_answer_the_probe() -> None:
    late = TimeoutError("late")
    assert describe(late).state is describe(redis.TimeoutError("late")).state is State.DEGRADED
    assert describe_probe(late).state is State.DOWN
    no_permission = redis.exceptions.NoPermissionError("no ping", status_code="NOPERM")
    assert describe_probe(no_permission).state is State.DEGRADED
