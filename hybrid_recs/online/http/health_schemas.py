"""Models of what a worker knows of its dependencies, as OpenAPI describes them."""

from datetime import UTC, datetime

from pydantic import Field

from hybrid_recs.health import Dependency, DependencyHealth, Health, State
from hybrid_recs.online.http.schemas import ApiModel


class DependencyStatus(ApiModel):
    """A dependency, as one worker sees it."""

    name: Dependency
    state: State
    since: str = Field(description="when it came into this state, in UTC")
    error: str | None = Field(description="why it is not up and what to do; null while it is up")
    failing: list[str] = Field(description="what the worker cannot do with it")
    failures: int = Field(description="since the worker started")
    last_error: str | None = Field(description="the latest error, also after it is over")


class Readiness(ApiModel):
    """A generation is loaded."""

    status: str
    generation: str
    cache: str = Field(description="available or unavailable; the service answers either way")
    health: State = Field(description="up; degraded while a dependency of this worker is not up")
    dependencies: list[DependencyStatus] = Field(description="as the worker that answers sees them")


def dependencies_of(health: Health) -> list[DependencyStatus]:
    """The state of each dependency."""
    return [_status_of(dependency) for dependency in health.dependencies.values()]


def _status_of(dependency: DependencyHealth) -> DependencyStatus:
    return DependencyStatus(
        name=Dependency(dependency.name),
        state=dependency.state,
        since=datetime.fromtimestamp(dependency.since, UTC).isoformat(timespec="milliseconds"),
        error=dependency.error,
        failing=dependency.failing,
        failures=dependency.failures,
        last_error=dependency.last_error or None,
    )
