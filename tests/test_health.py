"""The rules by which failures become states and log lines, on a clock of the test."""

import logging

import pytest

from hybrid_recs.health import DependencyHealth, Problem, State
from tests.clock import Clock

FULL = Problem("Redis is full")
GONE = Problem("Redis is unreachable", State.DOWN, passes=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def redis(clock: Clock) -> DependencyHealth:
    return DependencyHealth("redis", "counts wait", clock, clock)


def _pass(redis: DependencyHealth, clock: Clock, seconds: int) -> None:
    for _ in range(seconds):
        clock.now += 1.0
        redis.review()


def test_states_are_the_worst_of_the_checks(redis: DependencyHealth, clock: Clock) -> None:
    reads, writes = redis.check("reads"), redis.check("writes")
    assert (redis.state, redis.since, redis.error, redis.failing) == (State.UP, 1_000.0, None, [])
    clock.now = 1_001.0
    writes.record_failure(FULL)
    assert (redis.state, redis.since, redis.error) == (State.DEGRADED, 1_001.0, "Redis is full")
    clock.now = 1_002.0
    reads.record_failure(GONE)
    assert (redis.state, redis.since, redis.error) == (State.DOWN, 1_002.0, "Redis is unreachable")
    assert (redis.failing, redis.failures) == (["reads", "writes"], 2)
    reads.record_success()
    _pass(redis, clock, 1)
    assert (redis.state, redis.since, redis.error) == (State.DEGRADED, 1_003.0, "Redis is full")
    writes.record_success()
    _pass(redis, clock, 1)
    assert (redis.state, redis.since, redis.error) == (State.UP, 1_004.0, None)
    assert (redis.last_error, redis.failing, redis.failures) == ("Redis is full", [], 2)


def test_different_problems_of_one_state_are_all_told(redis: DependencyHealth) -> None:
    for name, text in (("a", "no GET"), ("b", "no SET"), ("c", "no GET")):
        redis.check(name).record_failure(Problem(text))
    assert redis.error == "no GET; no SET"


def test_success_counts_after_a_second_without_a_failure(redis: DependencyHealth, clock: Clock) -> None:
    reads = redis.check("reads")
    for _ in range(20):
        reads.record_failure(FULL)
        clock.now += 0.25
        reads.record_success()
        clock.now += 0.25
        redis.review()
        assert redis.failing == ["reads"]
    _pass(redis, clock, 1)
    assert redis.failing == []


def test_what_nobody_tries_again_is_forgotten_after_a_minute(redis: DependencyHealth, clock: Clock) -> None:
    redis.check("events").record_failure(FULL)
    _pass(redis, clock, 59)
    assert redis.failing == ["events"]
    _pass(redis, clock, 1)
    assert redis.failing == []


def test_being_reachable_ends_what_was_only_unreachable(redis: DependencyHealth, clock: Clock) -> None:
    redis.check("events").record_failure(GONE)
    redis.check("writes").record_failure(FULL)
    redis.record_reachable()
    _pass(redis, clock, 1)
    assert (redis.state, redis.failing) == (State.DEGRADED, ["writes"])


def test_a_line_for_a_change_a_summary_a_minute_and_a_line_for_the_end(
    redis: DependencyHealth, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reads = redis.check("reads")
    for _ in range(125):
        reads.record_failure(GONE)
        _pass(redis, clock, 1)
    reads.record_success()
    _pass(redis, clock, 2)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            "redis is down (reads): Redis is unreachable; counts wait",
        ),
        (
            "WARNING",
            "redis has not been up for 61 s and is down (reads), failures so far: 61, Redis is unreachable",
        ),
        (
            "WARNING",
            "redis has not been up for 121 s and is down (reads), failures so far: 121, Redis is unreachable",
        ),
        ("INFO", "redis is up again after 126.0 s (failures: 125)"),
    ]


def test_a_failure_between_two_reviews_is_logged(
    redis: DependencyHealth, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reads = redis.check("reads")
    reads.record_failure(GONE)
    reads.record_success()
    _pass(redis, clock, 1)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_another_reason_is_a_line_at_most_every_ten_seconds(
    redis: DependencyHealth, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    reads = redis.check("reads")
    for second in range(40):
        reads.record_failure(Problem(f"reason {second}"))
        _pass(redis, clock, 1)
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        f"redis is degraded (reads): reason {second}" for second in (0, 10, 20, 30)
    ]


def test_what_comes_and_goes_does_not_fill_the_log(
    redis: DependencyHealth, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Ten minutes of a failure every two seconds, each of them followed by a success."""
    caplog.set_level(logging.INFO)
    reads = redis.check("reads")
    for _ in range(300):
        reads.record_failure(GONE)
        reads.record_success()
        _pass(redis, clock, 2)
    assert len(caplog.records) <= 20
    _pass(redis, clock, 40)
    assert redis.state is State.UP
