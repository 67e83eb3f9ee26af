"""Every setting, its default and its environment variable.

The only reader of the environment. Built once at the edge (`Settings()`) and passed on.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

MIN_API_KEY_LENGTH = 16
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


def _check_redis_url(url: str | None) -> str | None:
    if url and not url.startswith(REDIS_SCHEMES):
        raise ValueError(f"must start with one of {', '.join(REDIS_SCHEMES)}")
    return url or None


def _check_api_keys(keys: SecretStr | None) -> SecretStr | None:
    values = [key.strip() for key in keys.get_secret_value().split(",")] if keys else []
    if any(len(key) < MIN_API_KEY_LENGTH for key in values if key):
        raise ValueError(f"every key must have at least {MIN_API_KEY_LENGTH} characters")
    return SecretStr(",".join(filter(None, values))) if any(values) else None


RISING_AFTER_REQUESTS = 16
"""Requests after which a tail item gets a list; not a setting, but shared with the planner."""


class Settings(BaseSettings):
    """Read from `HYBRID_RECS_<NAME>`; the defaults suit most installations."""

    model_config = SettingsConfigDict(env_prefix="HYBRID_RECS_", frozen=True, hide_input_in_errors=True)

    redis_url: Annotated[str | None, AfterValidator(_check_redis_url)] = Field(
        None, description="Redis to use; unset: our own redis-server under var_dir"
    )
    key_prefix: str = Field("hr", min_length=1, description="first part of every Redis key")
    index_dir: Path = Field(Path("index"), description="where generations are published")
    var_dir: Path = Field(Path("var"), description="run-time files: embedded Redis, counters, demo data")

    dimensions: int | None = Field(
        None, ge=2, le=1024, description="length of a vector; unset: 256 up to 50,000 items, 128 above"
    )
    seed: int = Field(20, description="seed of the vector fit")
    max_history: int = Field(5_000, ge=2, description="how many of a user's latest items are kept")
    covisit_weight: float | None = Field(
        None,
        ge=0,
        le=1_000,
        description="weight of co-visits in the score; this and the next ten, unset: tuned on held-out data",
    )
    tilt: float | None = Field(None, ge=0, le=1, description="power of popularity in the score")
    steps: int | None = Field(None, ge=1, le=12, description="steps of the vector fit")
    half_life: float | None = Field(
        None, gt=0, description="age at which a co-visit counts half, as a share of the time span"
    )
    trend_half_life: float | None = Field(
        None,
        gt=0,
        description="age at which an interaction counts half for the trend, as a share of the time span",
    )
    session_decay: float | None = Field(
        None, ge=0, description="power by which older items of a session count less"
    )
    session_weight: float | None = Field(
        None, ge=0, le=1_000, description="weight of co-visits in answers to a session"
    )
    session_trend: float | None = Field(
        None, ge=0, le=1_000, description="weight of recent popularity in answers to a session"
    )
    user_decay: float | None = Field(
        None, ge=0, description="power by which older items of a user's history count less"
    )
    user_weight: float | None = Field(
        None, ge=0, le=1_000, description="weight of co-visits in answers to a user's history"
    )
    user_trend: float | None = Field(
        None, ge=0, le=1_000, description="weight of recent popularity in answers to a user's history"
    )

    gate_max_fall: float = Field(
        0.5, ge=0, le=1, description="share by which the data may be smaller than the serving generation's"
    )
    gate_min_surviving: float = Field(
        0.5, ge=0, le=1, description="share of the serving generation's interactions whose items must remain"
    )
    gate_max_days_back: float = Field(
        1.0,
        ge=0,
        description="days by which the newest interaction may be older than the one served",
    )
    exact_below: int = Field(10_000, ge=0, description="catalogues up to this size get an exact index")
    ann_recall: float = Field(0.98, gt=0, le=1, description="recall the search parameters must reach")
    hot_share: float = Field(0.8, gt=0, le=1, description="share of interactions the hot set covers")
    hot_max_items: int = Field(100_000, ge=0, description="maximum number of items in the hot set")
    hot_max_mb: int = Field(256, ge=0, description="maximum Redis memory for neighbour lists, in MB")

    predictions_max_mb: int = Field(256, ge=0, description="maximum Redis memory for users' lists, in MB")
    log_predictions_share: float = Field(
        0.1, ge=0, le=1, description="share of answers that are logged for the prediction report; 0: off"
    )

    redis_timeout_ms: int = Field(50, ge=1, description="how long a request waits for the cache")
    list_ttl_days: float = Field(
        8, gt=0.01, description="how long neighbour lists stay in Redis unless renewed"
    )
    local_cache_mb: int = Field(
        64, ge=0, description="maximum memory of a worker for rendered answers; 0: off"
    )
    rising_max_items: int = Field(
        10_000,
        ge=0,
        description="maximum number of items that get a list because they are requested often; 0: off",
    )
    session_hours: float = Field(
        24, gt=0.01, description="how long a session's items are kept after its last event"
    )
    user_days: float = Field(30, gt=0.01, description="how long a user's latest items are kept")
    events_max_pending: int = Field(
        1_000_000, ge=1, description="events in Redis, applied or not, above which new ones are refused"
    )
    events_timeout_ms: int = Field(2_000, ge=1, description="how long POST /events waits for Redis")
    events_dir: Path | None = Field(
        None, description="where events are archived as Parquet; unset: events under var_dir"
    )
    archive_seconds: float = Field(
        60, gt=0, description="how often events are archived; sooner when 10,000 are waiting"
    )
    claim_seconds: float = Field(
        15, ge=0, description="seconds after which another consumer takes over the events of a silent one"
    )
    streams_max: int = Field(1_000, ge=1, description="maximum number of open session streams of a worker")
    heartbeat_seconds: float = Field(15, gt=0, description="silence after which a stream sends a comment")
    poll_seconds: float = Field(0.5, gt=0, description="how often the service looks for a new generation")
    flush_seconds: float = Field(1.0, gt=0, description="how often counters are written to Redis")
    max_new_items: int = Field(
        10_000, ge=0, description="maximum number of new or newly described items that wait for a rebuild"
    )
    api_keys: Annotated[SecretStr | None, AfterValidator(_check_api_keys)] = Field(
        None,
        description="keys for writing, separated by commas; unset: only clients on this machine may write",
    )
    writes_per_second: float = Field(
        1_000, ge=0, description="writing requests per second of one key or client, per worker; 0: no limit"
    )
    max_body_mb: float = Field(4, gt=0, description="maximum size of a request body, in MB")
    counters_dir: Path | None = Field(None, description="where workers share counters; set by serve")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="lowest level that is logged"
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="of log lines; json: one object per line, and every request has an id"
    )
