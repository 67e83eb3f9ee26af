"""What a worker knows of the things it depends on: each is up, degraded or down, since when, and why.

A dependency has checks, one for each way in which the worker uses it. Whoever uses it tells its check of
every failure, and of a success only while the check is failing: that costs a request one attribute. `review`
runs a few times a second; it ends failures that are over and writes the log: a line for each change of state,
and a summary a minute while a state lasts. Another reason for the same state is a line, too, at most every
ten seconds.

- down: a check fails because the dependency cannot be used at all.
- degraded: it can be used, but at least one check fails.
- up: no check fails.

The error of a dependency is what its failing checks say, the worst of them.

A check fails with the first failure. It recovers after half a second of success, or after a minute in which
nobody tried. One that fails again within a minute needs twice as long, so that a dependency that comes and
goes neither flickers nor fills the log. All of it belongs to one event loop or thread.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

log = logging.getLogger(__name__)

REVIEW_SECONDS = 0.25
_SETTLE_SECONDS, _MAX_SETTLE_SECONDS = 0.5, 32.0
_RELAPSE_SECONDS = 60.0
_FORGET_SECONDS = 60.0
_SUMMARY_SECONDS = 60.0
_REASON_SECONDS = 10.0

Clock = Callable[[], float]


class State(StrEnum):
    """From best to worst."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


class Dependency(StrEnum):
    """What a worker of the service depends on."""

    REDIS = "redis"
    GENERATIONS = "generations"
    ITEM_CHANGES = "item_changes"


_EFFECTS = {
    Dependency.REDIS: "what is not in memory is answered by live search, counts wait in memory",
    Dependency.GENERATIONS: "requests are answered from the generation loaded before, if there is one",
    Dependency.ITEM_CHANGES: "requests are answered with the item changes known so far",
}
"""What becomes of requests while the dependency is not up."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a use failed: a sentence with the remedy.

    state: of the dependency because of it. passes: it is over as soon as the dependency can be reached.
    """

    text: str
    state: State = State.DEGRADED
    passes: bool = False


class Check:
    """One way of using a dependency. failing: whether successes are to be recorded."""

    __slots__ = (
        "_clock",
        "_failed_at",
        "_on_failure",
        "_recovered_at",
        "_settle_seconds",
        "_succeeding_since",
        "failing",
        "failures",
        "name",
        "problem",
    )

    def __init__(self, name: str, clock: Clock, on_failure: Callable[[], None]) -> None:
        self.name = name
        self.failing = False
        self.failures = 0
        self.problem = Problem("")
        self._clock = clock
        self._on_failure = on_failure
        self._failed_at = self._recovered_at = float("-inf")
        self._succeeding_since: float | None = None
        self._settle_seconds = _SETTLE_SECONDS

    def record_failure(self, problem: Problem) -> None:
        """The dependency could not be used."""
        self._failed_at = self._clock()
        if not self.failing:
            relapsed = self._failed_at - self._recovered_at < _RELAPSE_SECONDS
            self._settle_seconds = (
                min(2 * self._settle_seconds, _MAX_SETTLE_SECONDS) if relapsed else _SETTLE_SECONDS
            )
        self.failing = True
        self.failures += 1
        self.problem = problem
        self._succeeding_since = None
        self._on_failure()

    def record_success(self) -> None:
        """The dependency was used. To be called while `failing`; needless otherwise."""
        if self.failing and self._succeeding_since is None:
            self._succeeding_since = self._clock()

    def settle(self) -> None:
        """End the failure if it is over."""
        now = self._clock()
        succeeds = self._succeeding_since is not None and now - self._succeeding_since >= self._settle_seconds
        if self.failing and (succeeds or now - self._failed_at >= _FORGET_SECONDS):
            self.failing = False
            self._recovered_at = now


class DependencyHealth:
    """The checks of one dependency and the state they add up to.

    since: when the present state began, in seconds since 1970. last_error: of the latest failure, also after
    it is over; empty before the first.
    """

    def __init__(
        self, name: str, effect: str, clock: Clock = time.monotonic, wall_clock: Clock = time.time
    ) -> None:
        """effect: what becomes of the work while it is not up, for the log."""
        self.name = name
        self._effect = effect
        self.state = State.UP
        self.since = wall_clock()
        self.last_error = ""
        self._clock = clock
        self._wall_clock = wall_clock
        self._checks: dict[str, Check] = {}
        self._logged, self._logged_error = State.UP, ""
        self._logged_at = self._not_up_since = 0.0
        self._failures_before = 0

    def check(self, name: str) -> Check:
        """The check of this name; the same for all who use the dependency in this way."""
        return self._checks.setdefault(name, Check(name, self._clock, self._refresh))

    @property
    def failing(self) -> list[str]:
        """Names of the checks that fail."""
        return [check.name for check in self._checks.values() if check.failing]

    @property
    def failures(self) -> int:
        """Since the worker started."""
        return sum(check.failures for check in self._checks.values())

    @property
    def error(self) -> str | None:
        """Why it is not up; None while it is up."""
        return None if self.state is State.UP else self.last_error

    def record_reachable(self) -> None:
        """It can be reached: failures for no other reason than that it could not are over."""
        for check in self._checks.values():
            if check.failing and check.problem.passes:
                check.record_success()

    def review(self) -> None:
        """End failures that are over, and log what changed."""
        self._log_if_due(self._clock())  # also what is over by now
        for check in self._checks.values():
            check.settle()
        self._refresh()
        self._log_if_due(self._clock())

    def _refresh(self) -> None:
        failing = [check.problem for check in self._checks.values() if check.failing]
        state = max((problem.state for problem in failing), key=_rank, default=State.UP)
        if failing:
            worst = (problem.text for problem in failing if problem.state is state)
            self.last_error = "; ".join(dict.fromkeys(worst))
        if state is not self.state:
            if self.state is State.UP:
                self._not_up_since = self._clock()
                self._failures_before = self.failures - 1
            self.state = state
            self.since = self._wall_clock()

    def _log_if_due(self, now: float) -> None:
        seconds = now - self._logged_at
        another_reason = self.last_error != self._logged_error and seconds >= _REASON_SECONDS
        if self.state is State.UP:
            if self._logged is not State.UP:
                self._log_recovery(now)
        elif self.state is not self._logged or another_reason:
            self._log_problem()
        elif seconds >= _SUMMARY_SECONDS:
            self._log_summary(now)
        else:
            return
        self._logged, self._logged_error, self._logged_at = self.state, self.last_error, now

    def _log_problem(self) -> None:
        checks = ", ".join(self.failing)
        self._log(
            logging.WARNING, "%s is %s (%s): %s; %s",
            self.name, self.state, checks, self.last_error, self._effect,
        )  # fmt: skip

    def _log_summary(self, now: float) -> None:
        seconds, failures = now - self._not_up_since, self.failures - self._failures_before
        self._log(
            logging.WARNING, "%s has not been up for %.0f s and is %s (%s), failures so far: %d, %s",
            self.name, seconds, self.state, ", ".join(self.failing), failures, self.last_error,
        )  # fmt: skip

    def _log_recovery(self, now: float) -> None:
        seconds, failures = now - self._not_up_since, self.failures - self._failures_before
        self._log(logging.INFO, "%s is up again after %.1f s (failures: %d)", self.name, seconds, failures)

    def _log(self, level: int, text: str, *values: object) -> None:
        fields = {"dependency": str(self.name), "state": self.state.value}
        log.log(level, text, *values, extra={"fields": fields})


class Health:
    """All dependencies of one worker."""

    def __init__(self, clock: Clock = time.monotonic, wall_clock: Clock = time.time) -> None:
        self.dependencies = {
            name: DependencyHealth(name, _EFFECTS[name], clock, wall_clock) for name in Dependency
        }
        self.redis = self.dependencies[Dependency.REDIS]
        self.generations = self.dependencies[Dependency.GENERATIONS]
        self.item_changes = self.dependencies[Dependency.ITEM_CHANGES]
        self.list_reads = self.redis.check("list_reads")

    @property
    def state(self) -> State:
        """Of the service as a whole: degraded while any dependency is not up, because it answers without."""
        ups = all(dependency.state is State.UP for dependency in self.dependencies.values())
        return State.UP if ups else State.DEGRADED

    @property
    def cache_available(self) -> bool:
        """Whether neighbour lists are read from Redis."""
        return self.redis.state is not State.DOWN and not self.list_reads.failing

    def review(self) -> None:
        """To be called every REVIEW_SECONDS and once at the end."""
        for dependency in self.dependencies.values():
            dependency.review()


def separate_check(name: str) -> Check:
    """A check of no worker's health, for a part that is used by itself."""
    return DependencyHealth(Dependency.REDIS, "").check(name)


_SEVERITY = list(State)


def _rank(state: State) -> int:
    return _SEVERITY.index(state)
